import { Bitfield } from '../../codec/bitfield.ts'
import { formatAddress } from '../../codec/compact.ts'
import { Layout } from '../../metainfo/layout.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { Emitter } from '../../ports/emitter.ts'
import { forwardEvents } from '../../ports/forward-events.ts'
import type { ByteSource } from '../../streams/read/file-reader.ts'
import type { Peer } from '../peer/peer.ts'
import type { PeerTorrent } from '../peer/peer-context.ts'
import { Completion } from '../resume/completion.ts'
import type { FoundRecord } from '../resume/find-verified-pieces.ts'
import { Recheck } from '../resume/recheck.ts'
import { ResumeSaver } from '../resume/resume-saver.ts'
import type { Contribution } from './contributions.ts'
import { ExchangedPieces } from './exchanged-pieces.ts'
import { InitialCheck } from './initial-check.ts'
import type { PiecePriority } from './picker.ts'
import type { PiecePipeline } from './piece-pipeline.ts'
import type { PieceTransfer } from './piece-transfer.ts'
import { PieceTransfers } from './piece-transfers.ts'
import { PieceWaits } from './piece-waits.ts'
import type { PiecesEvents, PiecesOptions } from './pieces-options.ts'
import { Selection } from './selection.ts'
import { missingBytes, type WantedPieces } from './wanted.ts'

/** The pieces of one torrent: the verified ones, the chain that downloads the others, and their readers. */
export class Pieces extends Emitter<PiecesEvents> {
  readonly metainfo: Metainfo
  /** The pieces that are verified and stored. */
  readonly verified: Bitfield
  /** True once every wanted piece was confirmed at its path. */
  complete = false
  #isChecked = false
  readonly #options: PiecesOptions
  /** Undefined once the existing pieces are known, as thousands of idle torrents need none. */
  #initialCheck: InitialCheck | undefined
  readonly #selection: Selection
  readonly #recheck: Recheck
  readonly #completion: Completion
  readonly #resumeSaver: ResumeSaver
  readonly #waits: PieceWaits
  readonly #transfers: PieceTransfers

  constructor(options: PiecesOptions) {
    super()
    const { metainfo, content } = options
    const { storage, resume } = content
    const verified = new Bitfield(metainfo.pieceCount)
    const layout = new Layout(metainfo)
    const selection = new Selection(metainfo, content, layout)
    const recheck = new Recheck({ metainfo, layout, storage, verified })
    this.#options = options
    this.metainfo = metainfo
    this.verified = verified
    const initialCheck = new InitialCheck(options, { layout, selection, verified })
    this.#initialCheck = initialCheck
    this.#waits = new PieceWaits(metainfo.pieceCount)
    this.#selection = selection
    this.#recheck = recheck
    this.#completion = new Completion({ storage, recheck, selection })
    this.#resumeSaver = new ResumeSaver({ resume, recheck })
    this.#transfers = new PieceTransfers(options, { pieces: this, verified, selection, layout, recheck })
    initialCheck.on('record', record => this.#takeRecord(record))
    initialCheck.on('found', index => this.#addFound(index))
    recheck.on('confirmed', index => this.#waits.noteVerified(index))
    recheck.on('lost', index => this.#lose(index))
    this.#transfers.on('verified', index => this.#add(index))
    this.#transfers.on('blocks', index => this.#waits.noteReadable(index))
    this.#transfers.on('active', () => this.#onTransfer())
    forwardEvents(initialCheck, this, 'checked', 'warning')
    forwardEvents(recheck, this, 'warning', 'failed')
    forwardEvents(this.#resumeSaver, this, 'warning')
    forwardEvents(this.#transfers, this, 'banned', 'failed')
    if (this.windowed) this.#transfers.begin()
  }

  /** The wanted pieces. */
  get wanted(): WantedPieces {
    return this.#selection.pieces
  }

  /** True if verified pieces go to readers through a window, which paces the download. */
  get windowed(): boolean {
    return this.#options.content.storage.window !== undefined
  }

  /** True if verified pieces can be read back later, and so can be uploaded. */
  get retains(): boolean {
    return this.#options.content.storage.retains ?? true
  }

  /** True if every wanted piece is verified. */
  get finished(): boolean {
    return this.#selection.isFinished
  }

  /** True if the storage lacks file descriptors, so that connections should be closed. */
  get isStarved(): boolean {
    return this.#options.content.storage.starved ?? false
  }

  /** True if only what readers need soon is downloaded. */
  get isPacedByReaders(): boolean {
    return this.windowed || this.#options.content.onDemand === true
  }

  /** True if the download waits for peers, rather than for a disk or a reader. */
  get waitsForPeers(): boolean {
    const { pipeline } = this
    if (this.isPacedByReaders) return pipeline?.cursors.isAwaited ?? false
    return !pipeline?.scheduler.isHeld
  }

  /** Missing bytes of the whole torrent, as in announces. */
  get missing(): number {
    // bytes that readers on demand have received are not kept
    if (!this.retains && this.#options.content.onDemand) return this.metainfo.length
    return missingBytes(this.metainfo, this.verified)
  }

  /** True if every wanted piece is stored, and others are missing (BEP 21). */
  get isPartialSeed(): boolean {
    return this.missing > 0 && this.isUploadOnly && this.retains
  }

  /** True if a piece is wanted and not verified. */
  lacks(index: number): boolean {
    return this.wanted.bits.has(index) && !this.verified.has(index)
  }

  /** True once every wanted piece is stored, and none was lost since (BEP 21). */
  get isUploadOnly(): boolean {
    return this.complete && this.wanted.left === 0
  }

  /** The parts of the torrent that peers use. */
  get forPeers(): PeerTorrent {
    return new ExchangedPieces(this)
  }

  /** The transfer of pieces in both directions: begun at its first use, and again after `rest`. */
  get transfer(): PieceTransfer {
    return this.#transfers.begin()
  }

  /** The chain of the blocks, if there is a transfer now. */
  get pipeline(): PiecePipeline | undefined {
    return this.#transfers.current?.pipeline
  }

  /** The peers that gave verified bytes of a file, and how many each. */
  contributionsTo(fileIndex: number): Contribution[] {
    return this.#transfers.contributionsTo(fileIndex)
  }

  /** Gives up the transfer of a complete torrent, if nothing is under way. @returns true if there is none any more */
  rest(): boolean {
    if (this.pipeline && (!this.isUploadOnly || this.windowed)) return false
    return this.#transfers.rest()
  }

  /** True if this piece is verified, and its files are not known to have changed since. */
  trusts(index: number): boolean {
    return this.#recheck.trusts(index)
  }

  /** Resolves once this piece is verified and stored. Rejects with the error that ended the torrent. */
  async whenVerified(index: number): Promise<void> {
    this.#waits.checkIndex(index)
    if (!this.trusts(index)) await this.#waits.waitVerified(index)
  }

  /** Resolves once more bytes of a piece can be read. Rejects with the error that ended the torrent. */
  async whenReadable(index: number): Promise<void> {
    if (!this.trusts(index)) await this.#waits.waitReadable(index)
  }

  /** Returns verified bytes from a position on that are in memory, of a piece that is not stored. They change later. */
  peek(position: number): Uint8Array | undefined {
    return this.pipeline?.peek(position)
  }

  /** Locks the files, and finds existing pieces. */
  async check(): Promise<void> {
    this.#recheck.setSample((await this.#initialCheck?.run()) ?? [])
    this.#initialCheck = undefined
    if (!this.retains) return
    if (this.pipeline) this.#recheck.checkSample() // a reader may have opened before the check ended
    this.#isChecked = true
  }

  /** Changes the order: the lowest piece first, or the rarest. */
  set sequential(sequential: boolean) {
    this.#transfers.sequential = sequential
  }

  /** Takes the selection and the priorities from the options again, as these may say something else now. */
  reselect(): void {
    const added = this.#selection.update(this.verified)
    const { priorities } = this.#selection
    this.complete = false
    if (this.#isChecked) this.#recheck.checkEnds(added)
    this.pipeline?.setPriorities(index => priorities![index] as PiecePriority | 0)
  }

  /** Completes the files, and checks each by its path. @returns false if pieces were lost meanwhile */
  async confirmAll(): Promise<boolean> {
    // all files were found as the record says, a moment ago, and nothing was written
    return this.#completion.confirmAll({ isFresh: this.#recheck.hasSample })
  }

  /** Checks each file by its path once more. Rejects with ERR_CHANGED if pieces are missing. */
  confirm(): Promise<void> {
    return this.#completion.confirm()
  }

  /** Saves the resume record, after the check: until then the existing record has more pieces. Never rejects. */
  async save(): Promise<void> {
    if (this.#isChecked) await this.#resumeSaver.write(this.pipeline)
  }

  /** Gives blocks to idle peers, and saves the resume record when it is old. Called several times a second. */
  tick(now: number): void {
    this.pipeline?.scheduler.fill(true)
    this.#recheck.tick()
    this.#resumeSaver.tick(now, this.pipeline)
  }

  /** Adds a connected peer, the sender of blocks under its address. A super-seed announces it one piece at a time. */
  addPeer(peer: Peer): void {
    const { pipeline, upload } = this.transfer
    pipeline.trust.names.set(peer.requester, formatAddress(peer.address))
    upload.addPeer(peer)
  }

  /**
   * Opens the bytes from `start` to before `end`, counted from the torrent's start, each as soon as it is verified. They
   * are taken forward, one call at a time, and the source has to be closed. Bytes that are read soon are fetched first.
   */
  open(start: number, end: number): Required<ByteSource> {
    return this.transfer.readers.open(start, end)
  }

  /** Takes all requests back, asks for nothing until `resume`, and gives memory back that readers do not need. */
  pause(): void {
    // a window holds pieces for its readers meanwhile
    this.#transfers.pause(!this.retains)
  }

  /** Continues after `pause`. */
  resume(): void {
    this.#transfers.resume()
  }

  /** Stops reading the storage, and fails readers, now and later. @param reason their error */
  end(reason: Error): void {
    this.#initialCheck?.end(reason)
    this.#recheck.end(reason)
    this.#waits.end(reason)
    void this.#options.content.storage.window?.close(reason)
  }

  /** Closes the chain and the storage, and saves the resume record. Rejects if the storage cannot be closed. */
  async close(): Promise<void> {
    await this.#transfers.close()
    await this.save()
    await this.#options.content.storage.close()
  }

  /** Takes the blocks that the resume record names. */
  #takeRecord({ trusted, partial }: FoundRecord): void {
    if (partial.size > 0) this.transfer.pipeline.loadPartial(partial)
    this.#resumeSaver.noteRecord(trusted, partial)
  }

  #onTransfer(): void {
    this.#recheck.checkSample()
    this.emit('active')
  }

  #addFound(index: number): void {
    this.pipeline?.addFound(index)
    this.#add(index)
  }

  #add(index: number): void {
    if (!this.verified.has(index)) this.wanted.addVerified(index)
    this.verified.add(index)
    this.emit('verified', index)
    this.#waits.noteVerified(index)
  }

  #lose(index: number): void {
    this.wanted.addLost(index)
    this.pipeline?.addLost(index)
    this.#resumeSaver.invalidate()
    this.emit('lost', index)
  }
}
