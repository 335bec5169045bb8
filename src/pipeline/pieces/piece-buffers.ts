import type { Bitfield } from '../../codec/bitfield.ts'
import type { Layout } from '../../metainfo/layout.ts'
import type { PartialBlocks } from '../../storage/resume-record.ts'
import type { Storage } from '../../storage/storage.ts'
import { PieceBuffer } from '../../streams/piece-buffer.ts'
import { PiecePool } from '../limits/piece-pool.ts'
import { PartialPieces } from './partial-pieces.ts'

export interface PieceBuffersOptions {
  readonly layout: Layout
  readonly storage: Storage
  /** Pieces of which no blocks are kept. */
  readonly verified: Bitfield
  /** Idle buffers to keep for later pieces. */
  readonly maxIdle: number
  /** True for memory that workers can read. @default false */
  readonly sharedMemory?: boolean | undefined
}

/** The memory of pieces under way. Blocks of pieces that are given up are kept in the files where the storage can do that. */
export class PieceBuffers {
  readonly #layout: Layout
  readonly #storage: Storage
  readonly #pool: PiecePool
  readonly #partial: PartialPieces
  /** Pieces that are at rest, or were wrong: no block of them is kept. */
  readonly #settled = new WeakSet<PieceBuffer>()

  constructor({ layout, storage, verified, maxIdle, sharedMemory }: PieceBuffersOptions) {
    this.#layout = layout
    this.#storage = storage
    this.#pool = new PiecePool(layout.pieceLength, maxIdle, sharedMemory)
    this.#partial = new PartialPieces(layout, storage, verified)
  }

  /**
   * Opens a buffer for a piece, with the blocks that were kept of it: then it is a promise that never rejects.
   * @param isSuspect true to take no kept blocks: the piece has to come from one peer whole
   */
  open(index: number, isSuspect: boolean): PieceBuffer | Promise<PieceBuffer> {
    const piece = new PieceBuffer(index, this.#layout.pieceSize(index), this.#pool.take())
    return this.#partial.has(index) && !isSuspect ? this.#partial.restore(piece) : piece
  }

  /** Takes the memory of a piece back. @param isExclusive true if it was for one peer alone: nothing of it is kept */
  close(piece: PieceBuffer, isExclusive: boolean): void {
    const giveBack = () => this.#pool.give(piece.data)
    const isKept = !isExclusive && this.#storage.keeps && piece.arrived > 0 && !this.#settled.has(piece)
    if (isKept) void this.#partial.save(piece).then(giveBack)
    else giveBack()
  }

  /** Notes that a piece is at rest, or wrong: no block of it is kept. */
  settle(piece: PieceBuffer): void {
    this.#settled.add(piece)
  }

  /** Takes over the blocks that an earlier run kept. */
  load(blocks: PartialBlocks): void {
    this.#partial.load(blocks)
  }

  /** Writes what has arrived of unfinished pieces as well. @returns all blocks that are kept */
  save(active: Iterable<PieceBuffer>): Promise<PartialBlocks> {
    return this.#partial.snapshot(active)
  }

  /** Resolves when nothing is being read or written. */
  settled(): Promise<void> {
    return this.#partial.settled()
  }
}
