import { EventEmitter } from 'node:events'
import { type Clock, systemClock, type Timer } from '../clock.ts'
import { Bitfield } from '../codec/bitfield.ts'
import { InputError, StalledError, StorageError, type TsdlError } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { WindowStorage } from '../storage/window-storage.ts'
import type { ByteSource } from '../streams/file-reader.ts'
import { closed } from '../streams/stage.ts'
import { Arrivals } from './arrivals.ts'
import { type Assembly, assemble } from './assembly.ts'
import { Completion } from './completion.ts'
import type { Peer } from './peer.ts'
import { type Progress, progressOf } from './progress.ts'
import type { Given } from './provenance.ts'
import { Recorder } from './recorder.ts'
import { Speed } from './speed.ts'
import { whyStalled } from './stall.ts'
import { takeStock } from './stock.ts'
import { StoredBytes } from './stored-bytes.ts'
import { TorrentFile } from './torrent-file.ts'
import type { TorrentOptions } from './torrent-options.ts'

export interface TorrentEvents {
  /** So many pieces of what was there already have been looked at. */
  checked: [pieces: number]
  /** What was there is known, peers are being looked for. */
  started: []
  connected: [peer: Peer]
  disconnected: [peer: Peer, reason: string]
  /** A web seed answers, or no longer does, for this reason. */
  webSeed: [name: string, state: 'connected' | 'disconnected', reason?: string]
  /** A piece is verified and at rest. */
  verified: [index: number]
  /** A piece that was verified is not there any more: another program changed its file. */
  lost: [index: number]
  /** A peer, a web seed or a tracker failed; the download goes on. */
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

/** One torrent: its peers, its trackers, its storage, joined; taken until all is there, and given all along. */
export class Torrent extends EventEmitter<TorrentEvents> {
  readonly metainfo: Metainfo
  /** What is verified and at rest. */
  readonly verified: Bitfield
  /** Its files, each of which can be read. */
  readonly files: readonly TorrentFile[]
  readonly #options: TorrentOptions
  readonly #clock: Clock
  readonly #parts: Assembly
  readonly #arrivals = new Arrivals()
  readonly #down = new Speed()
  readonly #up = new Speed()
  readonly #aborted = new AbortController()
  readonly #recorder: Recorder
  readonly #completion: Completion
  readonly #writes: boolean
  #timer: Timer | undefined
  #state: 'new' | 'checking' | 'running' | 'done' | 'closed' = 'new'
  #closing: Promise<void> | undefined
  #done: Promise<void> | undefined
  /** Bytes of blocks that had come by the last look, and when that had grown last, in ms of the clock. */
  #received = 0
  #lastReceived = 0
  #failure: Error | undefined

  constructor(metainfo: Metainfo, options: TorrentOptions) {
    super()
    this.metainfo = metainfo
    this.verified = new Bitfield(metainfo.pieceCount)
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#parts = assemble({
      metainfo,
      options,
      verified: this.verified,
      flushed: index => this.#flushed(index),
      kept: index => this.#arrivals.arrived(index),
      lost: index => this.#lost(index),
      done: () => this.#state === 'done',
      signal: this.#aborted.signal,
      warning: error => this.emit('warning', error),
      failed: error => this.destroy(error),
    })
    this.files = metainfo.files.map((_, index) => new TorrentFile(this, index, options.select))
    const { intake, recheck, swarm, webSeeds } = this.#parts
    this.#recorder = new Recorder({
      resume: options.resume,
      recheck,
      savePartial: () => intake.savePartial(),
      failed: error => this.emit('warning', error),
    })
    const { select, storage } = options
    // A seed leaves files as they are.
    this.#writes = !select || metainfo.files.some((_, index) => select(index))
    this.#completion = new Completion({
      storage,
      recheck,
      writes: this.#writes,
      finished: () => this.#finished,
    })
    swarm.on('connected', peer => this.emit('connected', peer))
    swarm.on('disconnected', (peer, reason) => this.emit('disconnected', peer, reason))
    webSeeds.on('connected', name => this.emit('webSeed', name, 'connected'))
    webSeeds.on('disconnected', (name, reason) => this.emit('webSeed', name, 'disconnected', reason))
    closed(intake.writer).catch(error => this.destroy(error))
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

  /** Whether what was there is known, and peers are looked for. */
  get started(): boolean {
    return this.#state === 'running' || this.#state === 'done'
  }

  /** Whether all that was asked for is verified and at rest. */
  get complete(): boolean {
    return this.#state === 'done'
  }

  /** True while the download waits for peers, rather than for a disk or a reader. */
  get waiting(): boolean {
    const { cursors, scheduler } = this.#parts.intake
    if (this.#state !== 'running') return false
    return this.#windowed || this.#options.onDemand ? cursors.waiting : !scheduler.held
  }

  /** How it stands. */
  get progress(): Progress {
    return progressOf({
      metainfo: this.metainfo,
      intake: this.#parts.intake,
      swarm: this.#parts.swarm,
      webSeeds: this.#parts.webSeeds,
      down: this.#down,
      up: this.#up,
      read: this.#windowed,
    })
  }

  /** Resolves once this piece is verified and at rest. */
  async whenVerified(index: number): Promise<void> {
    if (!this.trusts(index)) await this.#arrivals.wait(index)
  }

  /** True if this piece is verified and at rest, and its files are not known to have changed since. */
  trusts(index: number): boolean {
    return this.#parts.recheck.trusts(index)
  }

  /** Looks at each file by its path. Rejects with ERR_CHANGED when what was asked for is not complete any more. */
  confirm(): Promise<void> {
    return this.#completion.confirm()
  }

  /** Which peers gave how much of a file. */
  givenOf(fileIndex: number): Given[] {
    return this.#parts.intake.provenance.of(fileIndex)
  }

  /**
   * The bytes from `start` to before `end`, counted from the torrent's start, each as soon as it is verified: to be taken
   * forward, one at a time, and closed. What is taken soon is fetched first.
   */
  open(start: number, end: number): Required<ByteSource> {
    const { storage } = this.#options
    const { pieceLength } = this.metainfo
    const { cursors } = this.#parts.intake
    if (this.#windowed && cursors.size >= cursors.room) {
      throw new InputError('ERR_BUSY', `${cursors.size} readers are as many as memory has room for`)
    }
    const last = Math.ceil(end / pieceLength)
    const cursor = cursors.open(Math.floor(start / pieceLength), last)
    const moved = (position: number, waiting: boolean) =>
      cursors.move(cursor, Math.floor(position / pieceLength), waiting)
    const source: ByteSource =
      storage instanceof WindowStorage
        ? storage.open({ start, end, cursor: moved })
        : new StoredBytes(this, this.#parts.reads, moved)
    return {
      take: (position, length) => source.take(position, length),
      close: () => {
        source.close?.()
        cursors.close(cursor)
      },
    }
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
    const { intake, sources, swarm, webSeeds } = this.#parts
    return whyStalled(
      swarm,
      sources,
      webSeeds,
      index => intake.wanted.has(index) && !this.verified.has(index),
    )
  }

  get #windowed(): boolean {
    return this.#options.storage instanceof WindowStorage
  }

  /** Whether all that was asked for is verified. */
  get #finished(): boolean {
    return this.#parts.intake.left === 0 && !this.#options.onDemand
  }

  get #reasonToEnd(): Error {
    return this.#failure ?? new StorageError('ERR_ABORTED', 'the download was closed before it was complete')
  }

  async #begin(): Promise<void> {
    const { listener, share, storage } = this.#options
    if (this.#writes) {
      const unseen = await storage.lock?.()
      if (unseen) this.emit('warning', unseen)
    }
    await this.#look()
    if (this.#closing) return
    this.#state = 'running'
    this.#lastReceived = this.#clock.now()
    this.emit('started')
    if (this.#finished) {
      await this.#complete()
      if (!share || this.#closing) return
    }
    this.#tick()
    listener?.add(this.metainfo.infoHash, accepted => this.#parts.swarm.accept(accepted))
    this.#parts.sources.start()
    if (!this.#finished) this.#parts.webSeeds.start()
  }

  /** Finds out what is there already. */
  async #look(): Promise<void> {
    const { metainfo } = this
    const { resume, storage, trusted } = this.#options
    if (this.#windowed) return
    const found = await takeStock({
      metainfo,
      storage,
      resume,
      trusted,
      partial: blocks => this.#parts.intake.resume(blocks),
      signal: this.#aborted.signal,
      progress: pieces => this.emit('checked', pieces),
    })
    for (const index of found) {
      this.#parts.intake.found(index)
      this.#arrived(index)
    }
  }

  #tick(): void {
    const now = this.#clock.now()
    if (this.#options.storage.starved) this.#parts.swarm.makeRoom()
    this.#parts.swarm.tick(now)
    this.#parts.webSeeds.tick(now)
    this.#parts.unchoker.tick(now)
    this.#parts.intake.scheduler.feed()
    const received = this.#parts.swarm.downloaded + this.#parts.webSeeds.downloaded
    this.#down.update(received, now)
    this.#up.update(this.#parts.swarm.uploaded, now)
    this.#parts.recheck.tick()
    this.#recorder.tick(now)
    const { timeout = 0 } = this.#options
    if (received > this.#received || !this.waiting) this.#lastReceived = now
    this.#received = received
    if (timeout > 0 && now - this.#lastReceived > timeout) {
      this.destroy(
        new StalledError('ERR_STALLED', `${this.reason}; nothing received for ${timeout / 1000} s`),
      )
    } else if (!this.#closing) this.#timer = this.#clock.setTimeout(() => this.#tick(), TICK)
  }

  #flushed(index: number): void {
    this.#arrived(index)
    // what a reader has taken is gone: nobody is told of it, and it may be wanted again
    if (!this.#windowed) for (const peer of this.#parts.swarm.peers.keys()) peer.have(index)
    if (this.#finished && this.#state === 'running') {
      this.#complete().catch(error => this.destroy(error))
    }
    // On demand it is never done, and yet all of it may be there.
    if (this.#options.onDemand && !this.#windowed && this.verified.full) this.#parts.sources.complete()
  }

  #lost(index: number): void {
    this.#recorder.lost()
    this.emit('lost', index)
  }

  #arrived(index: number): void {
    this.verified.add(index)
    this.emit('verified', index)
    this.#arrivals.arrived(index)
  }

  async #complete(): Promise<void> {
    const complete = await this.#completion.run()
    if (!complete || this.#closing || this.#state === 'done') return
    this.#state = 'done'
    void this.#recorder.write()
    const { sources, swarm } = this.#parts
    if (this.verified.full) sources.complete()
    else if (!this.#windowed) {
      sources.becomePartialSeed()
      for (const peer of swarm.peers.keys()) peer.tellUploadOnly()
    }
    this.emit('done')
  }

  async #end(): Promise<void> {
    if (this.#state !== 'done') this.#state = 'closed'
    this.#aborted.abort(this.#reasonToEnd)
    this.#clock.clearTimeout(this.#timer)
    this.#options.listener?.remove(this.metainfo.infoHash)
    this.#parts.swarm.close()
    this.#parts.webSeeds.close()
    this.#arrivals.end(this.#reasonToEnd)
    const { storage } = this.#options
    if (storage instanceof WindowStorage) void storage.close(this.#reasonToEnd) // readers are to hear why
    const goodbye = this.#parts.sources.stop()
    await this.#parts.intake.close()
    await this.#recorder.write() // first: whoever waits for the goodbyes may not wait for long
    await goodbye
    await this.#options.storage.close().catch(error => {
      this.#failure ??= error
    })
    this.emit('close')
  }
}
