import type { Fetcher, Request } from '../../streams/block-source.ts'
import type { Deadlines } from './deadlines.ts'
import type { OpenPieces } from './open-pieces.ts'
import type { ReaderShares } from './reader-shares.ts'

/** A peer that takes blocks. */
export interface BlockTaker {
  readonly fetcher: Fetcher
  /** The number of blocks that it may take. */
  readonly room: number
  /** Milliseconds. */
  readonly now: number
  /** The blocks that it has taken so far, to which others are added. */
  readonly taken: Request[]
}

/** Gives the free blocks of active pieces to peers, those that readers need first to the peers that send them in time. */
export class FreeBlocks {
  readonly #pieces: OpenPieces
  readonly #deadlines: Deadlines
  readonly #shares: ReaderShares
  readonly #patience: number

  /** @param patience age in ms from which a piece that a reader needs is no longer left to faster peers */
  constructor(pieces: OpenPieces, deadlines: Deadlines, shares: ReaderShares, patience: number) {
    this.#pieces = pieces
    this.#deadlines = deadlines
    this.#shares = shares
    this.#patience = patience
  }

  /**
   * Takes free blocks, except those of pieces that readers need before this peer sends them.
   * @param lead the pieces by which readers advance before it sends a block
   * @param exclusive true to take only from pieces that are for this peer alone
   */
  take({ fetcher, room, now, taken }: BlockTaker, lead: number, exclusive: boolean): void {
    const { active } = this.#pieces
    for (const piece of this.#shares.sortNearest(active.withFreeBlocks())) {
      // the peer that it is reserved for may never come back
      if (piece.alone !== fetcher && piece.alone?.ready === false) this.#pieces.abandon(piece)
      if (piece.buffer.closed || !piece.isFor(fetcher)) continue
      if (exclusive && piece.alone !== fetcher) continue
      if (this.#deadlines.isDueWithin(piece.buffer.index, lead) && piece.isReserved(now, this.#patience))
        continue
      const count = this.#shares.countBlocks(piece, fetcher, now)
      if (count === 0) continue
      const maxTaken = Math.min(room, taken.length + count)
      piece.take(fetcher, maxTaken, now, taken, this.#deadlines.firstBlockOf(piece.buffer.index))
      active.update(piece)
      if (taken.length === room) return
    }
  }
}
