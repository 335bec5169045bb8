import type { Fetcher } from '../../streams/block-source.ts'
import type { ActivePiece } from './active-piece.ts'
import type { Deadlines } from './deadlines.ts'
import { FetcherGroup } from './fetcher-group.ts'

/** Milliseconds for which a block that a reader waits for is left to a peer that has not taken its share. */
const SHARE_PATIENCE_MS = 100

/**
 * Divides the pieces that readers need among the peers: the piece that a reader waits for comes from all peers at once.
 *
 * Inputs: where readers are; the waits and rates of the peers; the blocks that each was asked for; the time.
 */
export class ReaderShares {
  readonly group = new FetcherGroup()
  readonly #deadlines: Deadlines

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines
  }

  /** The pieces by which readers advance before this peer sends a block, if other peers send it sooner. */
  leadOf(fetcher: Fetcher, now: number): number {
    return this.#deadlines.leadOf(this.group.excessWaitOf(fetcher, now))
  }

  /** Returns the most free blocks of a piece for this peer to take. */
  countBlocks(piece: ActivePiece, fetcher: Fetcher, now: number): number {
    const { blocks, free, index } = piece.buffer
    if (!this.#deadlines.isAwaited(index)) return free
    const share = Math.ceil(blocks * this.group.shareOf(fetcher, now)) - piece.countFor(fetcher)
    if (share >= free) return free
    return share > 0 || piece.isReserved(now, SHARE_PATIENCE_MS) ? Math.max(0, share) : free
  }

  /** True if a reader waits for this piece, and no other peer that fulfils the condition takes requests for it. */
  dependsOn(fetcher: Fetcher, index: number, isSuitable: (other: Fetcher) => boolean): boolean {
    return this.#deadlines.isAwaited(index) && !this.group.hasOther(fetcher, index, isSuitable)
  }

  /** Returns pieces in the order in which readers need them. */
  sortNearest(pieces: ReadonlySet<ActivePiece>): Iterable<ActivePiece> {
    if (!this.#deadlines.hasReaders || pieces.size < 2) return pieces
    const distances = new Map<ActivePiece, number>()
    for (const piece of pieces) distances.set(piece, this.#deadlines.distanceTo(piece.buffer.index))
    // the difference of two infinite distances is NaN
    return [...pieces].sort((a, b) => Math.sign(distances.get(a)! - distances.get(b)!) || 0)
  }
}
