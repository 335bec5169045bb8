import { EventEmitter } from 'node:events'
import { Bitfield } from '../codec/bitfield.ts'
import type { PeerSources } from '../discovery/peer-sources.ts'
import { InputError, StorageError } from '../errors.ts'
import type { Magnet } from '../metainfo/magnet.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { systemClock } from '../ports/clock.ts'
import { forwardEvents } from '../ports/forward-events.ts'
import { threadLoopLoad } from '../ports/loop-load.ts'
import type { ByteSource } from '../streams/read/file-reader.ts'
import type { Bottleneck } from './diagnosis/bottleneck.ts'
import type { Peer } from './peer/peer.ts'
import type { ContentOptions } from './pieces/content-options.ts'
import type { Contribution } from './pieces/contributions.ts'
import { TorrentFile } from './reading/torrent-file.ts'
import { BottleneckMeter } from './torrent/bottleneck-meter.ts'
import { checkContent, checkTorrentOptions } from './torrent/check-options.ts'
import { reasonOf, stallError } from './torrent/diagnosis.ts'
import { Milestone } from './torrent/milestone.ts'
import { type Progress, progressOf, type TorrentParts } from './torrent/progress.ts'
import { StallTimer } from './torrent/stall-timer.ts'
import { Ticker } from './torrent/ticker.ts'
import { TorrentContent } from './torrent/torrent-content.ts'
import { TorrentDetails } from './torrent/torrent-details.ts'
import type { TorrentEvents, TorrentState } from './torrent/torrent-events.ts'
import { TorrentMetadata } from './torrent/torrent-metadata.ts'
import { TorrentNetwork } from './torrent/torrent-network.ts'
import type { TorrentOptions } from './torrent/torrent-options.ts'

/**
 * One torrent, from a metainfo or a magnet link to its last byte, and shared from the start. It has three parts: the network,
 * which is the same in all states, the metadata, and the content once the storage is known.
 */
export class Torrent extends EventEmitter<TorrentEvents> {
  /** 20 bytes. */
  readonly infoHash: Buffer
  readonly #options: TorrentOptions
  readonly #network: TorrentNetwork
  readonly #metadata: TorrentMetadata
  readonly #ready = new Milestone<Metainfo>()
  readonly #done = new Milestone<void>()
  readonly #ticker: Ticker
  readonly #stallTimer: StallTimer
  readonly #meter: BottleneckMeter
  #content: TorrentContent | undefined
  /** Made at the first use. */
  #files: readonly TorrentFile[] | undefined
  /** `checked`: the existing pieces are known, and the torrent waits for `resume`. */
  #phase: Exclude<TorrentState, 'paused' | 'seeding'> | 'checked' = 'new'
  /** Settles when `pause` is complete; undefined while the torrent is not paused. */
  #pausing: Promise<unknown> | undefined
  #closing: Promise<void> | undefined
  #failure: Error | undefined

  /** @throws InputError for a magnet link without a v1 info-hash, or an option that is invalid */
  constructor(source: Metainfo | Magnet, options: TorrentOptions = {}) {
    super()
    this.#options = checkTorrentOptions(source, options)
    const { clock = systemClock } = options
    this.#ticker = new Ticker(clock, now => this.#tick(now))
    this.#stallTimer = new StallTimer(options.timeout)
    // the event loop runs in the time of the machine
    this.#meter = new BottleneckMeter(clock, options.loopLoad ?? (options.clock ? undefined : threadLoopLoad))
    this.#network = new TorrentNetwork(source, options)
    this.#metadata = new TorrentMetadata(source, this.#network, options)
    this.infoHash = this.#network.infoHash
    forwardEvents(this.#network, this, 'connected', 'disconnected', 'warning')
    this.#network.on('active', () => this.#ticker.wake())
    this.#metadata.on('complete', metainfo => this.#onMetainfo(metainfo))
    this.#metadata.on('failed', error => this.destroy(error))
    if (this.#metadata.metainfo) this.#onMetainfo(this.#metadata.metainfo)
  }

  /** The current state. */
  get state(): TorrentState {
    if (this.#phase !== 'closed' && this.#pausing) return 'paused'
    if (this.#phase === 'checked') return 'checking'
    return this.#phase === 'downloading' && this.complete ? 'seeding' : this.#phase
  }

  /** @throws InputError ERR_USAGE while the metadata is not known: await `ready` */
  get metainfo(): Metainfo {
    return this.#metadata.require()
  }

  /** The pieces that are verified and stored. */
  get verified(): Bitfield {
    return this.#content?.pieces.verified ?? new Bitfield(this.#metadata.metainfo?.pieceCount ?? 0)
  }

  /** Its files, each of which can be read; none while the metadata is not known. */
  get files(): readonly TorrentFile[] {
    const { metainfo } = this.#metadata
    this.#files ??= metainfo?.files.map((_, index) => new TorrentFile(this, index, this.#content?.select))
    return this.#files ?? []
  }

  /** Resolves with the metainfo once it is known; rejects with the error that ended the torrent before. */
  get ready(): Promise<Metainfo> {
    return this.#ready.promise
  }

  /** Resolves once every wanted piece is verified and stored; rejects with the error that ended the torrent before. */
  get done(): Promise<void> {
    return this.#done.promise
  }

  /** True while blocks are exchanged: the existing pieces are known, and the torrent is not paused. */
  get started(): boolean {
    return this.state === 'downloading' || this.state === 'seeding'
  }

  /** True if every wanted piece is verified and stored. */
  get complete(): boolean {
    return this.#content?.pieces.complete ?? false
  }

  /** The connected peers. */
  get peers(): readonly Peer[] {
    return this.#network.activeSwarm?.connected ?? []
  }

  /** Its trackers, and what each last answered. */
  get discovery(): Pick<PeerSources, 'announce' | 'trackers'> {
    return this.#network.sources
  }

  /** What displays show beyond `progress`: states of pieces, past rates, departed peers, web seeds. */
  get details(): TorrentDetails {
    return new TorrentDetails(this.#parts)
  }

  /** True while the torrent waits for peers, rather than for a disk, a reader or `resume`. */
  get waiting(): boolean {
    if (this.state === 'metadata') return !this.#metadata.metainfo
    return this.state === 'downloading' && this.#content!.pieces.waitsForPeers
  }

  /** The progress: bytes, rates, peers. */
  get progress(): Progress {
    return progressOf(this.#parts, this.bottleneck)
  }

  /** What limits the download now, as measured over the last two seconds. */
  get bottleneck(): Bottleneck {
    return this.#meter.read(this.#parts)
  }

  /** The reason why the torrent receives no data, in words. */
  get reason(): string {
    return reasonOf(this.#parts)
  }

  /** Fetches the metadata if it is missing, checks existing files, and exchanges blocks. Returns at once; idempotent. */
  start(): this {
    if (this.#phase !== 'new') return this
    this.#phase = 'metadata'
    if (this.#content) this.#check()
    if (this.#metadata.metainfo) return this
    this.#metadata.fetch()
    this.#run()
    return this
  }

  /**
   * Sets the storage of a torrent that was created without one. Await `ready` before.
   * @param metainfo the torrent's own, or one with other paths for the same files, as `findFiles` gives it
   * @throws InputError ERR_USAGE for an invalid argument, or when the torrent has a storage already or is closed
   */
  begin(content: ContentOptions, metainfo: Metainfo = this.metainfo): this {
    if (this.#content) throw new InputError('ERR_USAGE', 'begin: this torrent has a storage already')
    if (this.#closing) throw new InputError('ERR_USAGE', 'begin: this torrent is closed')
    checkContent(content, metainfo, this.infoHash)
    this.#metadata.metainfo = metainfo
    this.#takeContent(content, metainfo)
    if (this.#phase === 'metadata') this.#check()
    return this
  }

  /**
   * Takes the selection and the priorities of files from the functions `select` and `priority` again, as these may return
   * something else now. It takes effect at once: requests for other pieces are cancelled, and `done` is emitted again when
   * everything that is selected now is there.
   */
  reselect(): void {
    if (!this.#closing) this.#content?.reselect()
  }

  /** Changes the order of pieces: the lowest first, or the rarest. Has no effect before `begin`. */
  set sequential(sequential: boolean) {
    if (this.#content) this.#content.pieces.sequential = sequential
  }

  /** Takes the metainfo of a magnet link from another source. @throws InputError ERR_METAINFO for another torrent's */
  takeMetainfo(metainfo: Metainfo): void {
    if (!this.#closing) this.#metadata.take(metainfo)
  }

  /**
   * Closes all connections, sends `stopped` to trackers, and exchanges nothing until `resume`; readers wait. Works in any state;
   * idempotent. Resolves when trackers were told and the resume record is saved; never rejects.
   */
  async pause(): Promise<void> {
    if (!this.#pausing && !this.#closing) {
      this.#ticker.stop()
      this.#meter.stop()
      this.#pausing = Promise.all([this.#network.pause(), this.#content?.pause()])
      this.emit('paused')
    }
    await this.#pausing
  }

  /** Continues after `pause` with the existing pieces and blocks. Idempotent. */
  resume(): this {
    if (!this.#pausing || this.#closing) return this
    this.#pausing = undefined
    this.#content?.resume()
    this.#network.resume()
    this.emit('resumed')
    if (this.#phase === 'checked') this.#exchange().catch(error => this.destroy(error))
    else if (this.#network.isStarted) this.#run()
    return this
  }

  /** Resolves once this piece is verified and stored; rejects with the error that ended the torrent before. */
  whenVerified(index: number): Promise<void> {
    return this.ready.then(() => this.#content?.pieces.whenVerified(index))
  }

  /** Checks each file by its path. Rejects with ERR_CHANGED if wanted pieces are missing. */
  async confirm(): Promise<void> {
    await this.#content?.pieces.confirm()
  }

  /** Returns the peers that sent verified bytes of a file, with the number of bytes. */
  contributionsTo(fileIndex: number): Contribution[] {
    return this.#content?.pieces.contributionsTo(fileIndex) ?? []
  }

  /**
   * Opens the bytes from `start` to before `end`, counted from the torrent's start, each as soon as it is verified. They
   * are taken forward, one call at a time, and the source has to be closed. Bytes that are read soon are fetched first.
   */
  open(start: number, end: number): Required<ByteSource> {
    if (this.#content) return this.#content.pieces.open(start, end)
    throw new InputError('ERR_USAGE', 'this torrent has no content yet: await torrent.ready first')
  }

  /** Closes all connections and the storage, and sends `stopped` to trackers. Idempotent; never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Closes the torrent now, for this reason. */
  destroy(error?: Error): void {
    if (this.#closing) return
    this.#failure = error
    if (error && this.listenerCount('error') > 0) this.emit('error', error)
    void this.close()
  }

  get #parts(): TorrentParts {
    const { state } = this
    const now = (this.#options.clock ?? systemClock).now()
    const hasMetainfo = this.#metadata.metainfo !== undefined
    return {
      state,
      now,
      hasMetainfo,
      network: this.#network,
      content: this.#content,
      metadata: this.#metadata.download,
    }
  }

  #onMetainfo(metainfo: Metainfo): void {
    const { storage } = this.#options
    if (storage) this.#takeContent({ ...this.#options, storage }, metainfo)
    this.#ready.reach(metainfo)
    this.emit('metadata', metainfo)
    if (this.#content && this.#phase === 'metadata') this.#check()
  }

  /** Creates the content, as the storage is known. */
  #takeContent(options: ContentOptions, metainfo: Metainfo): void {
    const content = new TorrentContent(metainfo, options, this.#options, this.#network)
    this.#content = content
    this.#network.content = content
    this.#files = undefined
    content.on('failed', error => this.destroy(error))
    content.on('done', () => this.#done.reach())
    content.on('active', () => this.#ticker.wake())
    forwardEvents(content, this, 'checked', 'verified', 'lost', 'webSeed', 'warning', 'done')
  }

  /** Finds existing pieces, and then exchanges blocks. */
  #check(): void {
    this.#phase = 'checking'
    const checked = this.#content!.check().then(() => {
      if (this.#closing) return undefined
      this.#phase = 'checked'
      return this.#pausing ? undefined : this.#exchange()
    })
    checked.catch(error => this.destroy(error))
  }

  async #exchange(): Promise<void> {
    const content = this.#content!
    this.#phase = 'downloading'
    this.emit('started')
    if (content.pieces.finished) await content.finish()
    if (this.#closing || (this.complete && !this.#options.share)) return
    content.begin()
    this.#run()
    if (!content.pieces.finished) content.startWebSeeds()
  }

  /** Looks for peers, and starts the timers. */
  #run(): void {
    this.#stallTimer.restart()
    if (!this.#pausing) this.#ticker.start()
    this.#network.start()
  }

  /** Returns the milliseconds until it has something to do. */
  #tick(now: number): number {
    const untilNetwork = this.#network.tick(now)
    if (this.state === 'downloading') this.#meter.sample(this.#parts, now)
    else this.#meter.stop()
    this.#metadata.tick(now)
    const untilContent = this.#content?.tick(now) ?? Number.POSITIVE_INFINITY
    const { timeout = 0 } = this.#options
    if (timeout === 0 || this.complete) {
      return Math.min(untilNetwork, untilContent)
    }
    const received = this.#network.downloaded + (this.#metadata.download?.progress.have ?? 0)
    if (this.#stallTimer.update(received, this.waiting, now)) this.destroy(stallError(this.#parts, timeout))
    return 0
  }

  async #close(): Promise<void> {
    let reason =
      this.#failure ?? new StorageError('ERR_ABORTED', 'the download was closed before it was complete')
    this.#phase = 'closed'
    this.#ticker.stop()
    this.#meter.stop()
    this.#metadata.end()
    const goodbye = this.#network.close()
    // first, as the caller may not wait long for trackers
    await this.#content?.close(reason).catch(error => {
      reason = this.#failure ?? error
    })
    await goodbye
    this.#network.dropFunnel()
    this.#ready.miss(reason)
    this.#done.miss(reason)
    this.emit('close')
  }
}
