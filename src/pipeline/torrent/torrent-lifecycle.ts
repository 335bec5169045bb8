import { StorageError } from '../../errors.ts'
import type { Magnet } from '../../metainfo/magnet.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { type Clock, systemClock } from '../../ports/clock.ts'
import { Emitter } from '../../ports/emitter.ts'
import { threadLoopLoad } from '../../ports/loop-load.ts'
import type { Bottleneck } from '../diagnosis/bottleneck.ts'
import type { ContentOptions } from '../pieces/content-options.ts'
import { BottleneckMeter } from './bottleneck-meter.ts'
import { stallError } from './diagnosis.ts'
import type { TorrentParts } from './progress.ts'
import { StallTimer } from './stall-timer.ts'
import { Ticker } from './ticker.ts'
import { TorrentContent } from './torrent-content.ts'
import type { TorrentState } from './torrent-events.ts'
import { TorrentMetadata } from './torrent-metadata.ts'
import { TorrentNetwork } from './torrent-network.ts'
import type { TorrentOptions } from './torrent-options.ts'

/** Events of `TorrentLifecycle`. */
export interface TorrentLifecycleEvents {
  /** The existing pieces are known, and blocks are exchanged from now on. */
  started: []
  /** `pause` was called. */
  paused: []
  /** `resume` was called. */
  resumed: []
  /** The torrent failed, and closes. */
  failed: [error: Error]
  /** The last event, once, with the error of readers that wait. */
  close: [reason: Error]
}

/**
 * The states of one torrent, and its parts: the network, which is the same in all states, the metadata, and the content once the
 * storage is known.
 */
export class TorrentLifecycle extends Emitter<TorrentLifecycleEvents> {
  readonly network: TorrentNetwork
  readonly metadata: TorrentMetadata
  /** Undefined before the storage is known. */
  content: TorrentContent | undefined
  readonly #options: TorrentOptions
  readonly #ticker: Ticker
  readonly #stallTimer: StallTimer
  readonly #clock: Clock
  /** Made when it is needed, as thousands of torrents that only share need none. */
  #meter: BottleneckMeter | undefined
  /** `checked`: the existing pieces are known, and the torrent waits for `resume`. */
  #phase: Exclude<TorrentState, 'paused' | 'seeding'> | 'checked' = 'new'
  /** Settles when `pause` is complete; undefined while the torrent is not paused. */
  #pausing: Promise<unknown> | undefined
  #closing: Promise<void> | undefined
  #failure: Error | undefined

  /** @throws InputError for an option that is invalid */
  constructor(source: Metainfo | Magnet, options: TorrentOptions) {
    super()
    this.#options = options
    const { clock = systemClock } = options
    this.#clock = clock
    this.#ticker = new Ticker(clock, now => this.#tick(now))
    this.#stallTimer = new StallTimer(options.timeout)
    this.network = new TorrentNetwork(source, options)
    this.metadata = new TorrentMetadata(source, this.network, options)
    this.network.on('active', () => this.#ticker.wake())
    this.metadata.on('failed', error => this.destroy(error))
  }

  get state(): TorrentState {
    if (this.#phase !== 'closed' && this.#pausing) return 'paused'
    if (this.#phase === 'checked') return 'checking'
    return this.#phase === 'downloading' && this.isComplete ? 'seeding' : this.#phase
  }

  /** True if every wanted piece is verified and stored. */
  get isComplete(): boolean {
    return this.content?.pieces.complete ?? false
  }

  /** True while the torrent waits for peers, rather than for a disk, a reader or `resume`. */
  get isWaiting(): boolean {
    const { state } = this
    if (state === 'metadata') return !this.metadata.metainfo
    return state === 'downloading' && this.content!.pieces.waitsForPeers
  }

  /** True once `close` was called. */
  get isClosed(): boolean {
    return this.#closing !== undefined
  }

  /** The parts as progress and diagnosis read them. */
  get parts(): TorrentParts {
    const { content, network, state } = this
    const { download: metadata, lacksLayers, metainfo } = this.metadata
    return { state, network, content, metadata, lacksLayers, now: this.#clock.now(), metainfo }
  }

  /** What limits the download now. */
  get bottleneck(): Bottleneck {
    return this.#getMeter().read(this.parts)
  }

  /** Fetches the metadata if it is missing, checks existing files, and exchanges blocks. Returns at once; idempotent. */
  start(): void {
    if (this.#phase !== 'new') return
    this.#phase = 'metadata'
    this.check()
    if (this.metadata.metainfo) return
    this.metadata.fetch()
    this.#run()
  }

  /** Creates the content, as the storage is known. */
  createContent(options: ContentOptions, metainfo: Metainfo): TorrentContent {
    const content = new TorrentContent(metainfo, options, this.#options, this.network)
    this.content = content
    this.network.content = content
    content.on('failed', error => this.destroy(error))
    content.on('active', () => this.#ticker.wake())
    return content
  }

  /** Finds existing pieces, and then exchanges blocks. Does nothing before `start`, without a content, or again. */
  check(): void {
    if (!this.content || this.#phase !== 'metadata') return
    this.#phase = 'checking'
    const checked = this.content.check().then(() => {
      if (this.#closing) return undefined
      this.#phase = 'checked'
      return this.#pausing ? undefined : this.#exchange(this.content!)
    })
    checked.catch(error => this.destroy(error))
  }

  /** Closes all connections, and exchanges nothing until `resume`. Resolves when that is done; never rejects. */
  async pause(): Promise<void> {
    if (!this.#pausing && !this.#closing) {
      this.#stopTimers()
      this.#pausing = Promise.all([this.network.pause(), this.content?.pause()])
      this.emit('paused')
    }
    await this.#pausing
  }

  /** Continues after `pause` with the existing pieces and blocks. Idempotent. */
  resume(): void {
    if (!this.#pausing || this.#closing) return
    this.#pausing = undefined
    this.content?.resume()
    this.network.resume()
    this.emit('resumed')
    if (this.#phase === 'checked') this.#exchange(this.content!).catch(error => this.destroy(error))
    else if (this.network.isStarted) this.#run()
  }

  /** Closes all parts. Idempotent; never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Closes the torrent now, for this reason. */
  destroy(error?: Error): void {
    if (this.#closing) return
    this.#failure = error
    if (error) this.emit('failed', error)
    void this.close()
  }

  async #exchange(content: TorrentContent): Promise<void> {
    this.#phase = 'downloading'
    this.emit('started')
    if (content.pieces.finished) await content.finish()
    if (this.#closing || (this.isComplete && !this.#options.share)) return
    content.begin()
    this.#run()
    if (!content.pieces.finished) content.startWebSeeds()
  }

  /** Looks for peers, and starts the timers. */
  #run(): void {
    this.#stallTimer.restart()
    if (!this.#pausing) this.#ticker.start()
    this.network.start()
  }

  #getMeter(): BottleneckMeter {
    const { clock, loopLoad } = this.#options
    // the event loop runs in the time of the machine
    this.#meter ??= new BottleneckMeter(this.#clock, loopLoad ?? (clock ? undefined : threadLoopLoad))
    return this.#meter
  }

  #stopTimers(): void {
    this.#ticker.stop()
    this.#meter?.stop()
  }

  /** Returns the milliseconds until it has something to do. */
  #tick(now: number): number {
    const untilNetwork = this.network.tick(now)
    if (this.state === 'downloading') this.#getMeter().sample(this.parts, now)
    else this.#meter?.stop()
    this.metadata.tick(now)
    const untilContent = this.content?.tick(now) ?? Number.POSITIVE_INFINITY
    const { timeout = 0 } = this.#options
    if (timeout === 0 || this.isComplete) return Math.min(untilNetwork, untilContent)
    const received = this.network.downloaded + this.metadata.received
    if (this.#stallTimer.update(received, this.isWaiting, now)) this.destroy(stallError(this.parts, timeout))
    return 0
  }

  async #close(): Promise<void> {
    let reason =
      this.#failure ?? new StorageError('ERR_ABORTED', 'the download was closed before it was complete')
    this.#phase = 'closed'
    this.#stopTimers()
    this.metadata.end()
    const goodbye = this.network.close()
    // first, as the caller may not wait long for trackers
    await this.content?.close(reason).catch(error => {
      reason = this.#failure ?? error
    })
    await goodbye
    this.network.dropFunnel()
    this.emit('close', reason)
  }
}
