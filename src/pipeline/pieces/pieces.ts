import { EventEmitter } from 'node:events'
import { Bitfield } from '../../codec/bitfield.ts'
import { formatAddress } from '../../codec/compact.ts'
import { InputError, type TsdlError } from '../../errors.ts'
import { Layout } from '../../metainfo/layout.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { pick } from '../../ports/pick.ts'
import type { ByteSource } from '../../streams/read/file-reader.ts'
import { closed } from '../../streams/stage.ts'
import { MemoryShare } from '../limits/memory-share.ts'
import type { Peer } from '../peer/peer.ts'
import type { PeerTorrent } from '../peer/peer-context.ts'
import { PieceWaiters } from '../reading/piece-waiters.ts'
import { TrustedReads } from '../reading/trusted-reads.ts'
import { Completion } from '../resume/completion.ts'
import { findVerifiedPieces } from '../resume/find-verified-pieces.ts'
import { Recheck } from '../resume/recheck.ts'
import { ResumeSaver } from '../resume/resume-saver.ts'
import type { Contribution, Contributions } from './contributions.ts'
import { ExchangedPieces } from './exchanged-pieces.ts'
import type { PiecePriority } from './picker.ts'
import type { PiecePipeline } from './piece-pipeline.ts'
import { PieceTransfer } from './piece-transfer.ts'
import type { PiecesEvents, PiecesOptions } from './pieces-options.ts'
import { Selection } from './selection.ts'
import { missingBytes, type WantedPieces } from './wanted.ts'

/** The pieces of one torrent: the verified ones, the chain that downloads the others, and their readers. */
export class Pieces extends EventEmitter<PiecesEvents> {
  readonly metainfo: Metainfo
  /** The pieces that are verified and stored. */
  readonly verified: Bitfield
  /** True once every wanted piece was confirmed at its path. */
  complete = false
  #isChecked = false
  readonly #options: PiecesOptions
  readonly #selection: Selection
  readonly #recheck: Recheck
  readonly #completion: Completion
  readonly #resumeSaver: ResumeSaver
  readonly #waiting = new PieceWaiters()
  readonly #layout: Layout
  readonly #memory: MemoryShare
  #transfer: PieceTransfer | undefined
  /** Those of transfers that have ended. */
  #contributions: Contributions | undefined
  #isPaused = false
  /** Pieces of the resume record that are hashed when a peer or a reader comes. */
  #sample: readonly number[] = []
  #sequential: boolean

  constructor(options: PiecesOptions) {
    super()
    const { metainfo, content, signal } = options
    const { storage } = content
    const warning = (error: TsdlError) => this.emit('warning', error)
    const failed = (error: Error) => this.emit('failed', error)
    this.#options = options
    this.#sequential = content.sequential ?? false
    this.metainfo = metainfo
    this.verified = new Bitfield(metainfo.pieceCount)
    this.#layout = new Layout(metainfo)
    this.#memory = new MemoryShare(options.memory, bytes => {
      if (this.#transfer) this.#transfer.pipeline.memory = bytes
    })
    this.#selection = new Selection(metainfo, content, this.#layout)
    this.#recheck = new Recheck({
      ...{ metainfo, layout: this.#layout, storage, signal, verified: this.verified },
    })
    this.#recheck.on('confirmed', index => this.#waiting.wake(index))
    this.#recheck.on('lost', index => this.#lose(index))
    this.#recheck.on('warning', warning)
    this.#recheck.on('failed', failed)
    this.#completion = new Completion({
      ...{ storage, recheck: this.#recheck, writes: () => this.#writes },
      finished: () => this.finished,
    })
    this.#resumeSaver = new ResumeSaver({
      resume: content.resume,
      recheck: this.#recheck,
      savePartial: async () => (await this.#transfer?.pipeline.savePartial()) ?? new Map(),
      failed: warning,
    })
    if (this.windowed) this.#begin()
  }

  /** The wanted pieces. */
  get wanted(): WantedPieces {
    return this.#selection.pieces
  }

  /** False for a seed, which leaves its files as they are. */
  get #writes(): boolean {
    return this.#selection.files.size > 0
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
    return this.wanted.left === 0 && !this.#options.content.onDemand
  }

  /** True if the storage lacks file descriptors, so that connections should be closed. */
  get isStarved(): boolean {
    return this.#options.content.storage.starved ?? false
  }

  /** True if the download waits for peers, rather than for a disk or a reader. */
  get waitsForPeers(): boolean {
    const pipeline = this.#transfer?.pipeline
    if (this.windowed || this.#options.content.onDemand) return pipeline?.cursors.isAwaited ?? false
    return !pipeline?.scheduler.isHeld
  }

  /** Missing bytes of the whole torrent, as in announces. */
  get missing(): number {
    // what readers on demand have taken is gone
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

  /** How pieces come in and go out: begun at its first use, and again after `rest`. */
  get transfer(): PieceTransfer {
    return this.#transfer ?? this.#begin()
  }

  /** The way of the blocks, if there is one now. */
  get pipeline(): PiecePipeline | undefined {
    return this.#transfer?.pipeline
  }

  /** The peers that gave verified bytes of a file, and how many each. */
  contributionsTo(fileIndex: number): Contribution[] {
    return (this.#transfer?.pipeline.contributions ?? this.#contributions)?.listFor(fileIndex) ?? []
  }

  /** Gives up the transfer of a complete torrent, if nothing is under way. @returns true if there is none any more */
  rest(): boolean {
    if (!this.#transfer) {
      this.#options.content.storage.rest?.()
      return true
    }
    if (!this.isUploadOnly || this.windowed || !this.#transfer.isIdle) return false
    const { pipeline } = this.#transfer
    if (!pipeline.contributions.isEmpty) this.#contributions = pipeline.contributions
    this.#transfer = undefined
    this.#memory.release()
    void pipeline.close().then(() => this.rest())
    return true
  }

  /** True if this piece is verified, and its files are not known to have changed since. */
  trusts(index: number): boolean {
    return this.#recheck.trusts(index)
  }

  /** Resolves once this piece is verified and stored. Rejects with the error that ended the torrent. */
  async whenVerified(index: number): Promise<void> {
    if (!Number.isInteger(index) || index < 0 || index >= this.metainfo.pieceCount)
      throw new InputError(
        'ERR_USAGE',
        `index: expected a piece from 0 to ${this.metainfo.pieceCount - 1}, got ${index}`,
      )
    if (!this.trusts(index)) await this.#waiting.wait(index)
  }

  /** Locks the files, and finds existing pieces. */
  async check(): Promise<void> {
    const { metainfo } = this
    const { content, hashPool } = this.#options
    const signal = this.#options.signal()
    const { resume, storage, trusted } = content
    const unseen = this.#writes ? await storage.lock?.() : undefined
    if (unseen) this.emit('warning', unseen)
    if (!this.retains) return
    const progress = (pieces: number) => this.emit('checked', pieces)
    const deferred = (sample: readonly number[]) => {
      this.#sample = sample
    }
    const found = await findVerifiedPieces({
      ...(content.deferSample ? { deferred } : {}),
      ...{ metainfo, storage, resume, trusted, hashPool, signal, progress },
      resumed: (pieces, partial) => {
        if (partial.size > 0) this.transfer.pipeline.loadPartial(partial)
        this.#resumeSaver.noteRecord(pieces, partial)
      },
    })
    for (const index of found) {
      this.#transfer?.pipeline.addFound(index)
      this.#add(index)
    }
    this.#isChecked = true
  }

  /** Changes the order: the lowest piece first, or the rarest. */
  set sequential(sequential: boolean) {
    this.#sequential = sequential
    if (this.#transfer) this.#transfer.pipeline.sequential = sequential
  }

  /** Takes the selection and the priorities from the options again, as these may say something else now. */
  reselect(): void {
    const added = this.#selection.update(this.verified)
    const { priorities } = this.#selection
    this.complete = false
    if (this.#isChecked) this.#recheck.checkEnds(added)
    this.#transfer?.pipeline.setPriorities(index => priorities![index] as PiecePriority | 0)
  }

  /** Completes the files, and checks each by its path. @returns false if pieces were lost meanwhile */
  async confirmAll(): Promise<boolean> {
    return this.#completion.run()
  }

  /** Checks each file by its path once more. Rejects with ERR_CHANGED if pieces are missing. */
  confirm(): Promise<void> {
    return this.#completion.confirm()
  }

  /** Saves the resume record, after the check: until then the existing record has more pieces. Never rejects. */
  async save(): Promise<void> {
    if (this.#isChecked) await this.#resumeSaver.write()
  }

  /** Gives blocks to idle peers, and saves the resume record when it is old. Called several times a second. */
  tick(now: number): void {
    this.#transfer?.pipeline.scheduler.fill(true)
    this.#recheck.tick()
    this.#resumeSaver.tick(now)
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
    this.#isPaused = true
    this.#transfer?.pipeline.pause()
    // a window holds pieces for its readers meanwhile
    if (this.retains) this.#memory.release()
  }

  /** Goes on after `pause`. */
  resume(): void {
    this.#isPaused = false
    if (!this.#transfer) return
    this.#memory.take()
    this.#transfer.pipeline.resume()
  }

  /** Fails readers, now and later. @param reason their error */
  end(reason: Error): void {
    this.#waiting.end(reason)
    void this.#options.content.storage.window?.close(reason)
  }

  /** Closes the chain and the storage, and saves the resume record. Rejects if the storage cannot be closed. */
  async close(): Promise<void> {
    this.#memory.release()
    await this.#transfer?.pipeline.close()
    await this.save()
    await this.#options.content.storage.close()
  }

  #begin(): PieceTransfer {
    const { metainfo, verified } = this
    const { clock, content, funnel, hashPool, random, reputation, superSeed } = this.#options
    const { storage } = content
    const { priorities } = this.#selection
    const failed = (error: Error) => this.emit('failed', error)
    const transfer = new PieceTransfer({
      ...{ metainfo, storage, random, verified, superSeed, failed, layout: this.#layout },
      reputation: reputation(),
      ...{ pieces: this, memory: this.#memory.take(), funnel: funnel(), wanted: this.wanted.bits },
      ...{ clock, hashPool, bytesLeft: () => this.wanted.left },
      reads: new TrustedReads(this.#layout, storage, this.#recheck, clock),
      ...pick(content, 'onDemand', 'sharedMemory'),
      sequential: this.#sequential,
      ...(priorities ? { priority: (index: number) => priorities[index] as PiecePriority } : {}),
    })
    const { pipeline } = transfer
    pipeline.on('verified', index => this.#add(index))
    pipeline.on('banned', (name, reason) => this.emit('banned', name, reason))
    closed(pipeline.writer).catch(error => {
      if (this.#transfer === transfer) failed(error)
    })
    this.#transfer = transfer
    if (this.#sample.length > 0) this.#recheck.checkSample(this.#sample)
    this.#sample = []
    if (this.#isPaused) pipeline.pause()
    this.emit('active')
    return transfer
  }

  #add(index: number): void {
    if (!this.verified.has(index)) this.wanted.addVerified(index)
    this.verified.add(index)
    this.emit('verified', index)
    this.#waiting.wake(index)
  }

  #lose(index: number): void {
    this.wanted.addLost(index)
    this.#transfer?.pipeline.addLost(index)
    this.#resumeSaver.invalidate()
    this.emit('lost', index)
  }
}
