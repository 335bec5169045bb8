import type { Bitfield } from '../../codec/bitfield.ts'
import type { Layout } from '../../metainfo/layout.ts'
import type { PartialBlocks } from '../../storage/resume-encoding.ts'
import type { Storage } from '../../storage/storage.ts'
import { PieceBuffer } from '../../streams/piece-buffer.ts'
import { PiecePool } from '../limits/piece-pool.ts'
import { PartialPieces } from './partial-pieces.ts'

export interface PieceBuffersOptions {
  readonly layout: Layout
  readonly storage: Storage
  /** The pieces that need no kept blocks. */
  readonly verified: Bitfield
  /** Idle buffers to keep for later pieces. */
  readonly maxIdle: number
  /** Knows the pieces with blocks that are verified alone. @default none */
  readonly blocks?: { knows(index: number): boolean } | undefined
  /** True for memory that workers can read. @default false */
  readonly sharedMemory?: boolean | undefined
}

/** The memory of active pieces. Blocks of pieces that are given up are kept in the files, if the storage supports that. */
export class PieceBuffers {
  readonly #layout: Layout
  readonly #storage: Storage
  readonly #pool: PiecePool
  readonly #blocks: PieceBuffersOptions['blocks']
  readonly #partial: PartialPieces
  /** Pieces that are stored, or were wrong: none of their blocks are kept. */
  readonly #settled = new WeakSet<PieceBuffer>()

  constructor(options: PieceBuffersOptions) {
    const { blocks, layout, storage, verified, maxIdle, sharedMemory } = options
    this.#blocks = blocks
    this.#layout = layout
    this.#storage = storage
    this.#pool = new PiecePool(layout.pieceLength, maxIdle, sharedMemory)
    this.#partial = new PartialPieces(layout, storage, verified)
  }

  /**
   * Opens a buffer for a piece. With kept blocks it returns a promise, which never rejects.
   * @param isSuspect true to use no kept blocks, as the whole piece must come from one peer
   */
  open(index: number, isSuspect: boolean): PieceBuffer | Promise<PieceBuffer> {
    const piece = new PieceBuffer(index, this.#layout.pieceSize(index), this.#pool.take())
    piece.passesEachBlock = this.#blocks?.knows(index) ?? false
    return this.#partial.has(index) && !isSuspect ? this.#partial.restore(piece) : piece
  }

  /** Takes back the memory of a piece. @param isExclusive true if it was for one peer alone, so that no block is kept */
  close(piece: PieceBuffer, isExclusive: boolean): void {
    const giveBack = () => this.#pool.give(piece.data)
    const isKept = !isExclusive && this.#storage.keeps && piece.arrived > 0 && !this.#settled.has(piece)
    if (isKept) void this.#partial.save(piece).then(giveBack)
    else giveBack()
  }

  /** Notes that a piece is stored, or wrong: none of its blocks are kept. */
  settle(piece: PieceBuffer): void {
    this.#settled.add(piece)
  }

  /** Notes that blocks of an active piece are wrong. */
  reject(piece: PieceBuffer, blocks: readonly number[]): void {
    this.#partial.reject(piece, blocks)
  }

  /** Takes the blocks that an earlier run stored. */
  load(blocks: PartialBlocks): void {
    this.#partial.load(blocks)
  }

  /** Writes the arrived blocks of unfinished pieces. @returns all stored blocks */
  save(active: Iterable<PieceBuffer>): Promise<PartialBlocks> {
    return this.#partial.snapshot(active)
  }

  /** Resolves when nothing is being read or written. */
  settled(): Promise<void> {
    return this.#partial.settled()
  }
}
