import { BLOCK_LENGTH } from '../../codec/message.ts'
import type { Layout } from '../../metainfo/layout.ts'
import type { PieceBuffer } from '../../streams/piece-buffer.ts'
import type { BlockVerification } from './block-verification.ts'
import type { Scheduler } from './scheduler.ts'

/** The leaves of a piece are not fetched for a reader if a piece is stored within this time. */
const PREFETCH_MS = 100
/** The same if the piece has fewer bytes. */
const MIN_PREFETCH_BYTES = 4 * BLOCK_LENGTH

/** Decides for which pieces the leaves are fetched (BEP 52): those that readers need next, and wrong ones. */
export class LeafFetching {
  readonly #blocks: BlockVerification
  readonly #scheduler: Scheduler
  readonly #layout: Layout

  constructor(blocks: BlockVerification, scheduler: Scheduler, layout: Layout) {
    this.#blocks = blocks
    this.#scheduler = scheduler
    this.#layout = layout
  }

  /** Fetches the leaves of the missing pieces that readers need next, unless pieces come quickly. */
  prefetch(): void {
    if (this.#scheduler.deadlines.countPiecesIn(PREFETCH_MS) >= 1) return
    for (const index of this.#scheduler.deadlines.nextPieces())
      if (this.#scheduler.wants(index)) void this.#prefetch(index)
  }

  /**
   * Fetches the leaves of a wrong piece, and gives up its wrong blocks. Never rejects.
   * @returns false if the whole piece has to be begun again
   */
  async findWrongBlocks(piece: PieceBuffer): Promise<boolean> {
    const isKnown = await this.#blocks.fetch(piece.index, true)
    if (!this.#scheduler.pieces.holds(piece)) return true
    if (isKnown) this.#blocks.verify(piece)
    return !piece.complete
  }

  async #prefetch(index: number): Promise<void> {
    if (this.#layout.pieceSize(index) < MIN_PREFETCH_BYTES || this.#blocks.knows(index)) return
    const isKnown = await this.#blocks.prefetch(index)
    const piece = isKnown ? this.#scheduler.pieces.findShared(index) : undefined
    if (piece && !piece.closed) this.#blocks.verify(piece)
  }
}
