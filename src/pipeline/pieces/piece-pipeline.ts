import { EventEmitter } from 'node:events'
import { Bitfield } from '../../codec/bitfield.ts'
import { PieceTrees } from '../../metainfo/piece-trees.ts'
import { TwinPieces } from '../../metainfo/twin-pieces.ts'
import type { PartialBlocks } from '../../storage/resume-encoding.ts'
import type { PieceBuffer } from '../../streams/piece-buffer.ts'
import { closed } from '../../streams/stage.ts'
import type { Funnel } from '../../streams/torrent/funnel.ts'
import { PieceWriter } from '../../streams/torrent/piece-writer.ts'
import { Verifier } from '../../streams/torrent/verifier.ts'
import { BlockVerification, type WrongBlock } from './block-verification.ts'
import { Contributions } from './contributions.ts'
import { Cursors } from './cursors.ts'
import { findHashThreads } from './hash-threads.ts'
import { LeafFetching } from './leaf-fetching.ts'
import { PeerTrust } from './peer-trust.ts'
import { Picker, type PiecePriority } from './picker.ts'
import { PieceBuffers } from './piece-buffers.ts'
import type { PiecePipelineEvents, PiecePipelineOptions } from './piece-pipeline-options.ts'
import { admittedPieces, readAheadPieces, writtenPieces } from './pipeline-memory.ts'
import { Scheduler } from './scheduler.ts'

/** The chain of all blocks of a torrent, `Funnel -> Verifier -> PieceWriter`, and the scheduler that decides which blocks to request. */
export class PiecePipeline extends EventEmitter<PiecePipelineEvents> {
  readonly funnel: Funnel
  readonly scheduler: Scheduler
  readonly verifier: Verifier
  readonly writer: PieceWriter
  /** The positions of readers. */
  readonly cursors: Cursors
  readonly contributions: Contributions
  /** Decides which peers may fetch which pieces, and has their names. */
  readonly trust: PeerTrust
  /** Pieces that were counted as contributions. One that is downloaded again is not counted twice. */
  readonly #credited: Bitfield
  readonly #picker: Picker
  readonly #blocks: BlockVerification | undefined
  readonly #leaves: LeafFetching | undefined
  readonly #buffers: PieceBuffers
  readonly #options: PiecePipelineOptions

  constructor(options: PiecePipelineOptions) {
    super()
    const { layout, metainfo, storage, memory, wanted, random, verified } = options
    const { sequential = false } = options
    const { pieceCount, pieceLength, hashes } = metainfo
    const { window } = storage
    const onDemand = window !== undefined || options.onDemand === true
    const admitted = admittedPieces(options, memory)
    const threads = findHashThreads(options)
    const sharedMemory = options.sharedMemory ?? threads !== undefined
    const now = () => options.clock.now()
    this.#options = options
    this.funnel = options.funnel
    this.#credited = new Bitfield(pieceCount)
    this.trust = new PeerTrust(options.reputation)
    this.contributions = new Contributions(layout, this.trust)
    this.cursors = new Cursors(readAheadPieces(options, admitted), now)
    const twins = (storage.retains ?? true) && !window ? TwinPieces.of(metainfo, layout) : undefined
    this.#picker = new Picker({
      ...{ pieceCount, random, sequential, onDemand },
      wanted: index => wanted.bits.has(index),
      priority: options.priority,
      twinsOf: twins && (index => twins.twinsOf(index)),
      cursors: this.cursors,
    })
    const trees = PieceTrees.of(metainfo, layout)
    this.#blocks = trees && options.leaves && new BlockVerification(trees, options.leaves)
    this.#buffers = new PieceBuffers({
      ...{ layout, storage, verified, sharedMemory, maxIdle: admitted, blocks: this.#blocks },
    })
    this.scheduler = new Scheduler({
      ...{ picker: this.#picker, admitted, cursors: this.cursors, buffers: this.#buffers, trust: this.trust },
    })
    this.scheduler.on('whole', piece => this.funnel.push({ piece, begin: 0, length: piece.length }))
    this.#leaves = this.#blocks && new LeafFetching(this.#blocks, this.scheduler, layout)
    this.#blocks?.on('wrong', (piece, wrong) => this.#onWrongBlocks(piece, wrong))
    this.#blocks?.on('verified', index => {
      this.emit('blocks', index)
      window?.serve?.()
    })
    this.verifier = new Verifier({
      ...{ hashes: trees ?? hashes, threads, now, blocks: this.#blocks },
      onCorrupt: (piece, digest) => {
        const contradiction = trees?.findContradiction(piece.index, digest)
        if (contradiction) this.verifier.destroy(contradiction)
        else this.#onCorrupt(piece)
      },
    })
    this.writer = new PieceWriter({
      ...{ storage, pieceLength, paddingOf: index => layout.gapAfter(index), now },
      concurrency: writtenPieces(options, admitted),
      copiesOf: twins && (index => twins.twinsOf(index).filter(twin => this.#isMissing(twin))),
      onFlushed: (piece, copies) => this.#onFlushed(piece, copies),
    })
    this.funnel.pipe(this.verifier).pipe(this.writer)
    for (const stage of [this.funnel, this.verifier]) stage.on('error', () => {})
    this.cursors.on('moved', () => {
      this.#leaves?.prefetch()
      this.scheduler.fill()
    })
    this.cursors.on('changed', () => {
      this.#leaves?.prefetch() // before blocks are requested: the seed answers in this order
      if (onDemand) this.scheduler.onReadersChanged()
      else this.scheduler.fill()
      window?.trim()
    })
    window?.attach({
      isNear: position => this.cursors.distanceTo(position / pieceLength) >= 0,
      forget: position => this.#picker.markMissing(position / pieceLength),
      peek: position => this.peek(position),
    })
  }

  /** Changes the bytes for everything in flight. */
  set memory(bytes: number) {
    const admitted = admittedPieces(this.#options, bytes)
    this.scheduler.admitted = admitted
    this.cursors.room = readAheadPieces(this.#options, admitted)
  }

  /** Changes which pieces are wanted, and their priorities. Requests for others are cancelled. */
  setPriorities(priorityOf: (index: number) => PiecePriority | 0): void {
    // a piece that is being stored stays wanted until then
    const stored = new Set([...this.scheduler.pieces.complete()])
    this.#picker.setPriorities(index => priorityOf(index) || (stored.has(index) ? 1 : 0))
    this.scheduler.dropUnwanted()
  }

  /** Changes the order: the lowest piece first, or the rarest. */
  set sequential(sequential: boolean) {
    this.#picker.sequential = sequential
    this.scheduler.fill()
  }

  /** Notes a piece that is already stored. */
  addFound(index: number): void {
    this.#picker.markDone(index)
  }

  /** Notes a lost piece, which is wanted again. */
  addLost(index: number): void {
    this.#picker.markMissing(index)
    this.scheduler.fill()
  }

  /** Returns verified bytes from a position on that are in memory, of a piece that is not stored. They change later. */
  peek(position: number): Uint8Array | undefined {
    if (!this.#blocks) return undefined
    const { pieceLength } = this.#options.metainfo
    const index = Math.floor(position / pieceLength)
    return this.scheduler.pieces.findShared(index)?.verifiedBytes(position - index * pieceLength)
  }

  /** Takes the blocks of unfinished pieces that an earlier run stored. */
  loadPartial(blocks: PartialBlocks): void {
    this.#buffers.load(blocks)
  }

  /** Writes the arrived blocks of unfinished pieces. @returns all stored blocks */
  savePartial(): Promise<PartialBlocks> {
    return this.#buffers.save(this.scheduler.pieces.shared())
  }

  /**
   * Cancels all requests, and sends none until `resume`. The arrived blocks of unfinished pieces are kept by the storage if it
   * supports that, otherwise in memory.
   */
  pause(): void {
    this.scheduler.pause(this.#options.storage.keeps !== undefined)
  }

  /** Continues after `pause`. */
  resume(): void {
    this.scheduler.resume()
  }

  /** Closes the chain. Resolves after the last write. */
  async close(): Promise<void> {
    this.scheduler.end()
    const writerClosed = closed(this.writer).catch(() => {})
    if (!this.writer.destroyed) {
      for (const stage of [this.funnel, this.verifier, this.writer]) stage.destroy()
      await writerClosed
    }
    await this.#buffers.settled()
  }

  /** True if a piece is wanted, and neither stored nor active. */
  #isMissing(index: number): boolean {
    return this.#picker.wants(index) && this.scheduler.pieces.active.get(index) === undefined
  }

  #onFlushed(piece: PieceBuffer, copies: readonly number[]): void {
    const { index } = piece
    const { metainfo, storage, verified } = this.#options
    this.#buffers.settle(piece)
    this.#ban(this.trust.addVerified(piece), piece)
    if (!verified.has(index) && this.#credited.add(index)) this.contributions.add(piece)
    this.#blocks?.forget(index)
    const stored = copies.filter(copy => this.#isMissing(copy))
    for (const copy of stored) this.#picker.markDone(copy)
    this.scheduler.finishPiece(piece)
    if (storage.window?.has(index * metainfo.pieceLength) === false) this.#picker.markMissing(index)
    for (const each of [index, ...stored]) this.emit('verified', each)
  }

  /** Finds the wrong blocks of a wrong piece, or begins the whole piece again. */
  #onCorrupt(piece: PieceBuffer): void {
    if (!this.#leaves) this.#restart(piece)
    else void this.#leaves.findWrongBlocks(piece).then(isKept => isKept || this.#restart(piece))
  }

  #onWrongBlocks(piece: PieceBuffer, wrong: readonly WrongBlock[]): void {
    const blocks = wrong.map(({ block }) => block)
    this.#buffers.reject(piece, blocks)
    this.#ban(this.trust.addWrongBlocks(piece, wrong), piece)
    this.scheduler.reopenPiece(piece)
  }

  #restart(piece: PieceBuffer): void {
    this.#buffers.settle(piece)
    this.#ban(this.trust.addCorrupt(piece), piece)
    this.scheduler.restartPiece(piece)
  }

  #ban(names: readonly string[], piece: PieceBuffer): void {
    for (const name of names) this.emit('banned', name, this.trust.reasonFor(piece))
  }
}
