import { EventEmitter } from 'node:events'
import { Bitfield } from '../codec/bitfield.ts'
import { checkArgument } from '../codec/check-arguments.ts'
import type { TorrentTrackers } from '../discovery/peer-sources.ts'
import { InputError } from '../errors.ts'
import type { Magnet } from '../metainfo/magnet.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { forwardEvents } from '../ports/forward-events.ts'
import type { ByteSource } from '../streams/read/file-reader.ts'
import type { Bottleneck } from './diagnosis/bottleneck.ts'
import type { Peer } from './peer/peer.ts'
import type { ContentOptions } from './pieces/content-options.ts'
import type { Contribution } from './pieces/contributions.ts'
import { TorrentFile } from './reading/torrent-file.ts'
import { checkContent, checkTorrentOptions } from './torrent/check-options.ts'
import { stallReason } from './torrent/diagnosis.ts'
import { Milestone } from './torrent/milestone.ts'
import { countsOf, type Progress, type ProgressCounts, progressOf } from './torrent/progress.ts'
import type { TorrentContent } from './torrent/torrent-content.ts'
import { TorrentDetails } from './torrent/torrent-details.ts'
import type { TorrentEvents, TorrentState } from './torrent/torrent-events.ts'
import { TorrentLifecycle } from './torrent/torrent-lifecycle.ts'
import type { TorrentOptions } from './torrent/torrent-options.ts'

/**
 * One torrent, from a metainfo or a magnet link to its last byte, and shared from the start. It has three parts: the network,
 * which is the same in all states, the metadata, and the content once the storage is known.
 */
export class Torrent extends EventEmitter<TorrentEvents> {
  /** 20 bytes. */
  readonly infoHash: Buffer
  readonly #options: TorrentOptions
  readonly #life: TorrentLifecycle
  readonly #ready = new Milestone<Metainfo>()
  readonly #done = new Milestone<void>()
  /** Made at the first use. */
  #files: readonly TorrentFile[] | undefined

  /** @throws InputError for an option that is invalid */
  constructor(source: Metainfo | Magnet, options: TorrentOptions = {}) {
    super()
    this.#options = checkTorrentOptions(source, options)
    this.#life = new TorrentLifecycle(source, options)
    const { metadata, network } = this.#life
    this.infoHash = network.infoHash
    forwardEvents(network, this, 'connected', 'disconnected', 'warning')
    forwardEvents(this.#life, this, 'started', 'paused', 'resumed')
    this.#life.on('failed', error => {
      if (this.listenerCount('error') > 0) this.emit('error', error)
    })
    this.#life.on('close', reason => {
      this.#ready.miss(reason)
      this.#done.miss(reason)
      this.emit('close')
    })
    metadata.on('complete', metainfo => this.#onMetainfo(metainfo))
    if (metadata.metainfo) this.#onMetainfo(metadata.metainfo)
  }

  /** The current state. */
  get state(): TorrentState {
    return this.#life.state
  }

  /** @throws InputError ERR_USAGE while the metadata is not known: await `ready` */
  get metainfo(): Metainfo {
    return this.#life.metadata.require()
  }

  /** The pieces that are verified and stored. */
  get verified(): Bitfield {
    return this.#content?.pieces.verified ?? new Bitfield(this.#life.metadata.metainfo?.pieceCount ?? 0)
  }

  /** Its files, each of which can be read; none while the metadata is not known. */
  get files(): readonly TorrentFile[] {
    const { metainfo } = this.#life.metadata
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
    return this.#life.isComplete
  }

  /** The connected peers. */
  get peers(): readonly Peer[] {
    return this.#life.network.activeSwarm?.connected ?? []
  }

  /** Its trackers, and what each last answered. */
  get discovery(): TorrentTrackers {
    return this.#life.network.sources
  }

  /** The state for displays beyond `progress`: states of pieces, past rates, departed peers, web seeds. */
  get details(): TorrentDetails {
    return new TorrentDetails(this.#life.parts)
  }

  /** True while the torrent waits for peers, rather than for a disk, a reader or `resume`. */
  get waiting(): boolean {
    return this.#life.isWaiting
  }

  /** The progress: bytes, rates, peers. */
  get progress(): Progress {
    return progressOf(this.#life.parts, this.bottleneck)
  }

  /** The progress without the bottleneck, which takes time to find. */
  get counts(): ProgressCounts {
    return countsOf(this.#life.parts)
  }

  /** What limits the download now, as measured over the last two seconds. */
  get bottleneck(): Bottleneck {
    return this.#life.bottleneck
  }

  /** The reason why the torrent receives no data, in words. */
  get reason(): string {
    return stallReason(this.#life.parts)
  }

  /** Fetches the metadata if it is missing, checks existing files, and exchanges blocks. Returns at once; idempotent. */
  start(): this {
    this.#life.start()
    return this
  }

  /**
   * Sets the storage of a torrent that was created without one. Await `ready` before.
   * @param metainfo the torrent's own, or one with other paths for the same files, as `findFiles` gives it
   * @throws InputError ERR_USAGE for an invalid argument, or when the torrent has a storage already or is closed
   */
  begin(content: ContentOptions, metainfo: Metainfo = this.metainfo): this {
    if (this.#content) throw new InputError('ERR_USAGE', 'begin: this torrent has a storage already')
    if (this.#life.isClosed) throw new InputError('ERR_USAGE', 'begin: this torrent is closed')
    checkContent(content, metainfo, this.#life.metadata.metainfo ?? this)
    this.#life.metadata.metainfo = metainfo
    this.#takeContent(content, metainfo)
    this.#life.check()
    return this
  }

  /**
   * Takes the selection and the priorities of files from the functions `select` and `priority` again, as these may
   * return something else now. It takes effect at once: requests for other pieces are cancelled, and `done` is emitted
   * again when everything that is selected now is complete.
   */
  reselect(): void {
    if (!this.#life.isClosed) this.#content?.reselect()
  }

  /** Changes the order of pieces: the lowest first, or the rarest. Has no effect before `begin`. */
  set sequential(sequential: boolean) {
    if (this.#content) this.#content.pieces.sequential = sequential
  }

  /** The info-hashes under which it has peers, 20 bytes each: two if it is known to be a hybrid torrent (BEP 52). */
  get infoHashes(): readonly Buffer[] {
    return this.#life.network.infoHashes
  }

  /** Uses the trackers and peers of another source of this torrent, unless it is private (BEP 27). */
  addSource(source: Pick<Magnet, 'trackers'> & Partial<Pick<Magnet, 'peers'>>): void {
    checkArgument('source', source, 'object')
    const isPrivate = this.#life.metadata.metainfo?.private
    if (!this.#life.isClosed && !isPrivate) this.#life.network.addSource(source)
  }

  /** Takes the metainfo of a magnet link from another source. @throws InputError ERR_METAINFO for another torrent's */
  takeMetainfo(metainfo: Metainfo): void {
    if (!this.#life.isClosed) this.#life.metadata.take(metainfo)
  }

  /**
   * Closes all connections, sends `stopped` to trackers, and exchanges nothing until `resume`; readers wait. Works in
   * any state; idempotent. Resolves when trackers are notified and the resume record is saved; never rejects.
   */
  pause(): Promise<void> {
    return this.#life.pause()
  }

  /** Continues after `pause` with the existing pieces and blocks. Idempotent. */
  resume(): this {
    this.#life.resume()
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
   * Asks peers for the hashes of the blocks of a piece, 32 bytes for each 16 KiB (BEP 52). Resolves with undefined if no peer
   * sends them within 10 s, or if the torrent is v1. Rejects with ERR_USAGE while the torrent has no content.
   */
  async fetchLeaves(index: number): Promise<Uint8Array | undefined> {
    if (this.#content) return this.#content.pieces.transfer.leaves.fetchLeaves(index)
    throw new InputError('ERR_USAGE', 'this torrent has no content yet: await torrent.ready first')
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
    return this.#life.close()
  }

  /** Closes the torrent now, for this reason. */
  destroy(error?: Error): void {
    this.#life.destroy(error)
  }

  get #content(): TorrentContent | undefined {
    return this.#life.content
  }

  #onMetainfo(metainfo: Metainfo): void {
    const { storage } = this.#options
    if (storage) this.#takeContent({ ...this.#options, storage }, metainfo)
    this.#ready.reach(metainfo)
    this.emit('metadata', metainfo)
    this.#life.check()
  }

  /** Creates the content, as the storage is known. */
  #takeContent(options: ContentOptions, metainfo: Metainfo): void {
    const content = this.#life.createContent(options, metainfo)
    this.#files = undefined
    content.on('done', () => this.#done.reach())
    forwardEvents(content, this, 'checked', 'verified', 'lost', 'webSeed', 'warning', 'done')
  }
}
