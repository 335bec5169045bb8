import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { type Clock, systemClock, type Timer } from '../clock.ts'
import { Bitfield } from '../codec/bitfield.ts'
import { formatAddress } from '../codec/compact.ts'
import { makePeerId } from '../codec/peer-id.ts'
import { Announcer } from '../discovery/announcer.ts'
import { HttpTracker } from '../discovery/http-tracker.ts'
import { StalledError, StorageError, type TsdlError } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { closed } from '../streams/stage.ts'
import { VERSION } from '../version.ts'
import { Arrivals } from './arrivals.ts'
import { check } from './check.ts'
import { complaintsOf } from './complaints.ts'
import { Intake } from './intake.ts'
import { limitsOf } from './limits.ts'
import type { Peer } from './peer.ts'
import { type Progress, progressOf } from './progress.ts'
import { runPool } from './run-pool.ts'
import { Speed } from './speed.ts'
import { whyStalled } from './stall.ts'
import { Swarm } from './swarm.ts'
import type { TorrentOptions } from './torrent-options.ts'
import { Unchoker } from './unchoker.ts'
import { wantedPieces } from './wanted.ts'

export interface TorrentEvents {
  /** So many pieces of what was there already have been looked at. */
  checked: [pieces: number]
  /** What was there is known, peers are being looked for. */
  started: []
  connected: [peer: Peer]
  disconnected: [peer: Peer, reason: string]
  /** A piece is verified and at rest. */
  verified: [index: number]
  /** A peer or a tracker failed; the download goes on. */
  warning: [error: TsdlError]
  /** Everything that was asked for is verified and at rest. It is shared on until it is closed. */
  done: []
  /** It is over, for this reason. What was verified is kept. */
  error: [error: Error]
  /** The last event, once. */
  close: []
}

/** Milliseconds between looks at what is late. */
const TICK = 250
const MiB = 1 << 20
/** The port that trackers are told when we listen at none: they want one. */
const NO_PORT = 6881

/** One torrent: its peers, its trackers, its storage, joined; taken until all is there, and given all along. */
export class Torrent extends EventEmitter<TorrentEvents> {
  readonly metainfo: Metainfo
  /** What is verified and at rest. */
  readonly verified: Bitfield
  /** What goes on between the peers and the storage. */
  readonly #intake: Intake
  readonly #options: TorrentOptions
  readonly #clock: Clock
  readonly #swarm: Swarm
  readonly #unchoker: Unchoker
  readonly #announcer: Announcer | undefined
  readonly #arrivals = new Arrivals()
  readonly #down = new Speed()
  readonly #up = new Speed()
  readonly #aborted = new AbortController()
  #timer: Timer | undefined
  #state: 'new' | 'checking' | 'running' | 'done' | 'closed' = 'new'
  #closing: Promise<void> | undefined
  #done: Promise<void> | undefined
  #lastVerified = 0
  #failure: Error | undefined

  constructor(metainfo: Metainfo, options: TorrentOptions) {
    super()
    this.metainfo = metainfo
    this.verified = new Bitfield(metainfo.pieceCount)
    this.#options = options
    const { clock = systemClock, memory = 64 * MiB, maxPeers = 100, random = Math.random } = options
    const { listener, storage, windowed = false } = options
    this.#clock = clock
    this.#intake = new Intake({
      metainfo,
      storage,
      memory,
      random,
      wanted: wantedPieces(metainfo, options.select),
      ...(windowed ? { windowed } : {}),
      ...(options.sequential ? { sequential: true } : {}),
      flushed: index => this.#flushed(index),
      ban: (address, reason) => this.#swarm.ban(address, reason),
    })
    const peerId = makePeerId(VERSION, randomBytes(12))
    const { infoHash, length, pieceCount, pieceLength } = metainfo
    this.#swarm = new Swarm({
      maxPeers,
      context: {
        infoHash,
        peerId,
        length,
        pieceCount,
        pieceLength,
        clock,
        client: `tsdl ${VERSION}`,
        port: () => listener?.port,
        ...(options.connect ? { connect: options.connect } : {}),
        download: { source: this.#intake.scheduler, funnel: this.#intake.funnel },
        upload: {
          storage,
          // what a reader has taken is gone: nothing of it is promised to anybody
          pieces: windowed ? new Bitfield(pieceCount) : this.verified,
          only: () => this.#intake.left === 0,
          pool: runPool(),
          failed: error => this.destroy(error),
        },
        limits: limitsOf({
          clock,
          memory,
          up: options.up,
          down: options.down,
          peers: () => this.#swarm.peers.size,
        }),
      },
    })
    this.#unchoker = new Unchoker({
      peers: () => this.#swarm.peers.keys(),
      seeding: () => this.#intake.left === 0,
      uploaded: () => this.#swarm.uploaded,
      limit: options.up,
      random,
    })
    this.#swarm.on('connected', peer => {
      this.#intake.names.set(peer.requester, formatAddress(peer.address))
      this.emit('connected', peer)
    })
    this.#swarm.on('disconnected', (peer, reason) => this.emit('disconnected', peer, reason))
    this.#swarm.on('interest', () => this.#unchoker.changed(clock.now()))
    this.#swarm.on('warning', error => this.emit('warning', error))
    if (options.trackers !== false && metainfo.trackers.length > 0) {
      this.#announcer = new Announcer({
        tiers: metainfo.trackers,
        infoHash,
        peerId,
        port: listener?.port ?? NO_PORT,
        key: randomBytes(4).readUInt32BE(0),
        clock,
        random,
        stats: () => ({
          uploaded: this.#swarm.uploaded,
          downloaded: this.#swarm.downloaded,
          left: this.#intake.left,
        }),
        makeTracker: url => new HttpTracker(url, { userAgent: `tsdl/${VERSION}`, clock }),
      })
      this.#announcer.on('peers', (peers, source) => this.#swarm.add(peers, source))
      complaintsOf(this.#announcer, error => this.emit('warning', error))
    }
    closed(this.#intake.writer).catch(error => this.destroy(error))
  }

  /** Checks what is there, then looks for peers. Returns at once. */
  start(): this {
    if (this.#state === 'new') {
      this.#state = 'checking'
      this.#begin().catch(error => this.destroy(error))
    }
    return this
  }

  /** Resolves once all that was asked for is verified and at rest; rejects with what ended it before. */
  get done(): Promise<void> {
    if (this.#state === 'done') return Promise.resolve()
    if (this.#state === 'closed') return Promise.reject(this.#reasonToEnd)
    this.#done ??= new Promise((resolve, reject) => {
      const end = () => {
        if (this.#failure || this.#state !== 'done') reject(this.#reasonToEnd)
        else resolve()
      }
      this.once('done', end)
      this.once('close', end)
    })
    return this.#done
  }

  /** Whether all that was asked for is verified and at rest. */
  get complete(): boolean {
    return this.#state === 'done'
  }

  /** How it stands. */
  get progress(): Progress {
    return progressOf({
      metainfo: this.metainfo,
      intake: this.#intake,
      swarm: this.#swarm,
      down: this.#down,
      up: this.#up,
      read: this.#options.windowed === true,
    })
  }

  /** Resolves once this piece is verified and at rest. */
  async whenVerified(index: number): Promise<void> {
    if (!this.verified.has(index)) await this.#arrivals.wait(index)
  }

  /** Says goodbye to trackers and peers, and gives everything back. Idempotent; never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  /** Ends it now, for this reason. */
  destroy(error?: Error): void {
    if (this.#closing) return
    this.#failure = error
    if (error && this.listenerCount('error') > 0) this.emit('error', error)
    void this.close()
  }

  /** Why it does not go on, in words. */
  get reason(): string {
    return whyStalled(this.#swarm, this.#announcer)
  }

  get #reasonToEnd(): Error {
    return this.#failure ?? new StorageError('ERR_ABORTED', 'the download was closed before it was complete')
  }

  async #begin(): Promise<void> {
    const { listener, peers = [], share } = this.#options
    await this.#look()
    if (this.#closing) return
    this.#state = 'running'
    this.#lastVerified = this.#clock.now()
    this.emit('started')
    if (this.#intake.left === 0) {
      await this.#complete()
      if (!share || this.#closing) return
    }
    this.#tick()
    listener?.add(this.metainfo.infoHash, accepted => this.#swarm.accept(accepted))
    this.#announcer?.start()
    this.#swarm.add(peers, 'option')
  }

  /** Finds out what is there already. */
  async #look(): Promise<void> {
    const { metainfo } = this
    const { storage, trusted, windowed } = this.#options
    if (windowed) return
    const found = await check({
      metainfo,
      storage,
      ...(trusted ? { trusted } : {}),
      signal: this.#aborted.signal,
      progress: pieces => this.emit('checked', pieces),
    })
    for (const index of found) {
      this.#intake.found(index)
      this.#arrived(index)
    }
  }

  #tick(): void {
    const now = this.#clock.now()
    this.#swarm.tick(now)
    this.#unchoker.tick(now)
    this.#intake.scheduler.feed()
    this.#down.update(this.#swarm.downloaded, now)
    this.#up.update(this.#swarm.uploaded, now)
    const { timeout = 0 } = this.#options
    const waits = this.#state === 'running' && !this.#intake.scheduler.held
    if (timeout > 0 && waits && now - this.#lastVerified > timeout) {
      this.destroy(
        new StalledError('ERR_STALLED', `${this.reason}; nothing verified for ${timeout / 1000} s`),
      )
    } else if (!this.#closing) this.#timer = this.#clock.setTimeout(() => this.#tick(), TICK)
  }

  #flushed(index: number): void {
    this.#lastVerified = this.#clock.now()
    this.#arrived(index)
    for (const peer of this.#swarm.peers.keys()) peer.have(index)
    if (this.#intake.left === 0 && this.#state === 'running') {
      this.#complete().catch(error => this.destroy(error))
    }
  }

  #arrived(index: number): void {
    this.verified.add(index)
    this.emit('verified', index)
    this.#arrivals.arrived(index)
  }

  async #complete(): Promise<void> {
    await this.#options.storage.complete()
    if (this.#closing) return
    this.#state = 'done'
    this.#announcer?.complete()
    this.emit('done')
  }

  async #end(): Promise<void> {
    if (this.#state !== 'done') this.#state = 'closed'
    this.#aborted.abort(this.#reasonToEnd)
    this.#clock.clearTimeout(this.#timer)
    this.#options.listener?.remove(this.metainfo.infoHash)
    this.#swarm.close()
    this.#arrivals.end(this.#reasonToEnd)
    await this.#announcer?.stop()
    await this.#intake.close()
    await this.#options.storage.close().catch(error => {
      this.#failure ??= error
    })
    this.emit('close')
  }
}
