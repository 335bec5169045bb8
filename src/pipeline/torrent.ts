import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { type Clock, systemClock, type Timer } from '../clock.ts'
import { Bitfield } from '../codec/bitfield.ts'
import { formatAddress } from '../codec/compact.ts'
import { BLOCK_LENGTH } from '../codec/message.ts'
import { makePeerId } from '../codec/peer-id.ts'
import { Announcer } from '../discovery/announcer.ts'
import { HttpTracker } from '../discovery/http-tracker.ts'
import { type DiscoveryError, StalledError, StorageError, type TsdlError } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { closed } from '../streams/stage.ts'
import { VERSION } from '../version.ts'
import { check } from './check.ts'
import { Intake } from './intake.ts'
import type { Peer } from './peer.ts'
import { Speed } from './speed.ts'
import { whyStalled } from './stall.ts'
import { Swarm } from './swarm.ts'
import type { Progress, TorrentOptions } from './torrent-options.ts'
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
  /** Everything that was asked for is verified and at rest. */
  done: []
  /** It is over, for this reason. What was verified is kept. */
  error: [error: Error]
  /** The last event, once. */
  close: []
}

/** Milliseconds between looks at what is late. */
const TICK = 250
const MiB = 1 << 20

/** One torrent's download: its peers, its trackers, its storage, joined. */
export class Torrent extends EventEmitter<TorrentEvents> {
  readonly metainfo: Metainfo
  /** What is verified and at rest. */
  readonly verified: Bitfield
  /** What goes on between the peers and the storage. */
  readonly #intake: Intake
  readonly #options: TorrentOptions
  readonly #clock: Clock
  readonly #swarm: Swarm
  readonly #announcer: Announcer | undefined
  readonly #speed = new Speed()
  readonly #aborted = new AbortController()
  #timer: Timer | undefined
  #state: 'new' | 'checking' | 'running' | 'done' | 'closed' = 'new'
  #closing: Promise<void> | undefined
  #done: Promise<void> | undefined
  #lastVerified = 0
  #waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }[]>()
  #failure: Error | undefined
  /** What each tracker last complained about: it is retried, and says the same again. */
  readonly #complaints = new Map<string, string>()

  constructor(metainfo: Metainfo, options: TorrentOptions) {
    super()
    this.metainfo = metainfo
    this.verified = new Bitfield(metainfo.pieceCount)
    this.#options = options
    const { clock = systemClock, memory = 64 * MiB, maxPeers = 100, random = Math.random } = options
    this.#clock = clock
    this.#intake = new Intake({
      metainfo,
      storage: options.storage,
      memory,
      random,
      wanted: wantedPieces(metainfo, options.select),
      ...(options.windowed ? { windowed: true } : {}),
      ...(options.sequential ? { sequential: true } : {}),
      flushed: index => this.#flushed(index),
      ban: (address, reason) => this.#swarm.ban(address, reason),
    })
    const peerId = makePeerId(VERSION, randomBytes(12))
    const client = `tsdl ${VERSION}`
    this.#swarm = new Swarm({
      maxPeers,
      context: {
        infoHash: metainfo.infoHash,
        peerId,
        pieceCount: metainfo.pieceCount,
        source: this.#intake.scheduler,
        funnel: this.#intake.funnel,
        clock,
        client,
        ...(options.connect ? { connect: options.connect } : {}),
        readLimit: () => Math.max(65536, Math.min(MiB, (8 * MiB) / Math.max(1, this.#swarm.peers.size))),
        windowLimit: () =>
          Math.max(
            4,
            Math.min(512, Math.floor(memory / 2 / BLOCK_LENGTH / Math.max(1, this.#swarm.peers.size))),
          ),
      },
    })
    this.#swarm.on('connected', peer => {
      this.#intake.names.set(peer.requester, formatAddress(peer.address))
      this.emit('connected', peer)
    })
    this.#swarm.on('disconnected', (peer, reason) => this.emit('disconnected', peer, reason))
    this.#swarm.on('warning', error => this.emit('warning', error))
    if (options.trackers !== false && metainfo.trackers.length > 0) {
      this.#announcer = new Announcer({
        tiers: metainfo.trackers,
        infoHash: metainfo.infoHash,
        peerId,
        port: options.port ?? 6881,
        key: randomBytes(4).readUInt32BE(0),
        clock,
        random,
        stats: () => ({ uploaded: 0, downloaded: this.#swarm.downloaded, left: this.#intake.left }),
        makeTracker: url => new HttpTracker(url, { userAgent: `tsdl/${VERSION}`, clock }),
      })
      this.#announcer.on('peers', (peers, source) => this.#swarm.add(peers, source))
      this.#announcer.on('warning', error => this.#warn(error))
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
    if (this.#state === 'closed') return Promise.reject(this.#failure ?? aborted())
    this.#done ??= new Promise((resolve, reject) => {
      const end = () => {
        if (this.#failure || this.#state !== 'done') reject(this.#failure ?? aborted())
        else resolve()
      }
      this.once('done', end)
      this.once('close', end)
    })
    return this.#done
  }

  /** How it stands. */
  get progress(): Progress {
    const { total, left, scheduler } = this.#intake
    const connected = this.#swarm.connected
    const downSpeed = this.#speed.rate
    const limit =
      left === 0
        ? 'none'
        : connected.length === 0
          ? 'peers'
          : scheduler.full
            ? this.#options.windowed
              ? 'reader'
              : 'disk'
            : 'network'
    return {
      verified: total - left,
      total,
      downSpeed,
      upSpeed: 0,
      peers: connected.length,
      seeds: connected.filter(peer => peer.requester.bits.full).length,
      eta: downSpeed > 1 ? left / downSpeed : null,
      buffered: scheduler.pieces * this.metainfo.pieceLength,
      limit,
      downloaded: this.#swarm.downloaded,
      uploaded: 0,
      wasted: this.#swarm.wasted,
    }
  }

  /** Resolves once this piece is verified and at rest. */
  whenVerified(index: number): Promise<void> {
    if (this.verified.has(index)) return Promise.resolve()
    if (this.#state === 'closed') return Promise.reject(this.#failure ?? aborted())
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(index) ?? []
      waiting.push({ resolve, reject })
      this.#waiting.set(index, waiting)
    })
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

  async #begin(): Promise<void> {
    const { metainfo } = this
    const { storage, windowed, peers = [] } = this.#options
    if (!windowed) {
      const found = await check({
        metainfo,
        storage,
        signal: this.#aborted.signal,
        progress: pieces => this.emit('checked', pieces),
      })
      for (const index of found) {
        this.#intake.found(index)
        this.#arrived(index)
      }
    }
    if (this.#closing) return
    this.#state = 'running'
    this.#lastVerified = this.#clock.now()
    this.emit('started')
    if (this.#intake.left === 0) {
      await this.#complete()
      return
    }
    this.#tick()
    this.#announcer?.start()
    this.#swarm.add(peers, 'option')
  }

  #warn(error: DiscoveryError): void {
    const [tracker = ''] = error.message.split(': ')
    if (this.#complaints.get(tracker) === error.message) return
    this.#complaints.set(tracker, error.message)
    this.emit('warning', error)
  }

  #tick(): void {
    const now = this.#clock.now()
    this.#swarm.tick(now)
    this.#intake.scheduler.feed()
    this.#speed.update(this.#swarm.downloaded, now)
    const { timeout = 0 } = this.#options
    const waits = this.#state === 'running' && !this.#intake.scheduler.held
    if (timeout > 0 && waits && now - this.#lastVerified > timeout) {
      this.destroy(
        new StalledError('ERR_STALLED', `${this.reason}; nothing verified for ${timeout / 1000} s`),
      )
    } else if (!this.#closing) this.#timer = this.#clock.setTimeout(() => this.#tick(), TICK)
  }

  /** Why it does not go on, in words. */
  get reason(): string {
    return whyStalled(this.#swarm, this.#announcer)
  }

  #flushed(index: number): void {
    this.#lastVerified = this.#clock.now()
    for (const peer of this.#swarm.peers.keys()) peer.requester.done(index)
    this.#arrived(index)
    if (this.#intake.left === 0 && this.#state === 'running') {
      this.#complete().catch(error => this.destroy(error))
    }
  }

  #arrived(index: number): void {
    this.verified.add(index)
    this.emit('verified', index)
    for (const { resolve } of this.#waiting.get(index) ?? []) resolve()
    this.#waiting.delete(index)
  }

  async #complete(): Promise<void> {
    await this.#options.storage.complete()
    if (this.#closing) return
    this.#state = 'done'
    this.#announcer?.complete()
    this.emit('done')
  }

  async #end(): Promise<void> {
    const before = this.#state
    if (before !== 'done') this.#state = 'closed'
    this.#aborted.abort(this.#failure ?? aborted())
    this.#clock.clearTimeout(this.#timer)
    this.#swarm.close()
    for (const waiting of this.#waiting.values()) {
      for (const { reject } of waiting) reject(this.#failure ?? aborted())
    }
    this.#waiting.clear()
    await this.#announcer?.stop()
    await this.#intake.close()
    await this.#options.storage.close().catch(error => {
      this.#failure ??= error
    })
    this.emit('close')
  }
}

function aborted(): StorageError {
  return new StorageError('ERR_ABORTED', 'the download was closed before it was complete')
}
