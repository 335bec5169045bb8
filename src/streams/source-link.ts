import type { BlockSource, Fetcher } from './block-source.ts'
import type { PendingRequests, Request } from './pending-requests.ts'
import type { PieceBuffer } from './piece-buffer.ts'

/** Arrived blocks of a piece after which one is passed on: often enough to hash the piece while it arrives. */
const BLOCKS_PER_OUTPUT = 64

/** The connection of a fetcher with its source: takes blocks to request, and reports the results. */
export class SourceLink {
  source: BlockSource
  /** True once the fetcher has left its source. */
  hasLeft = false
  readonly #fetcher: Fetcher
  #filling = false
  #again = false

  constructor(fetcher: Fetcher, source: BlockSource) {
    this.#fetcher = fetcher
    this.source = source
  }

  /** Takes blocks while the fetcher has room, and calls `request` with them. */
  fill(now: () => number, request: (requests: readonly Request[]) => void): void {
    this.#again = true
    if (this.#filling) return // called from within the source: the loop below continues
    this.#filling = true
    while (this.#again) {
      this.#again = false
      const { room } = this.#fetcher
      if (room > 0) request(this.source.takeBlocks(this.#fetcher, room, now()))
    }
    this.#filling = false
  }

  /** Requested blocks of one piece are written in their places. */
  arrive(requests: readonly Request[]): void {
    for (const { piece, block } of requests) piece.arrive(block, this.#fetcher)
    this.source.onArrival(this.#fetcher, requests)
  }

  /** Other fetchers may request these blocks, except those that they could request before. */
  lose(requests: readonly Request[]): void {
    const counting = requests.filter(({ lost }) => !lost)
    if (counting.length > 0) this.source.onLoss(this.#fetcher, counting)
  }

  /** Lets other fetchers request all blocks that this one owes. It may still send them. */
  loseAll(requests: PendingRequests): void {
    this.source.onLoss(this.#fetcher, requests.markAllLost())
  }

  /** Leaves the source. Idempotent. @param requests the requests in flight */
  leave(requests: readonly Request[]): void {
    if (this.hasLeft) return
    this.hasLeft = true
    this.lose(requests)
    this.source.onLeave(this.#fetcher)
  }
}

/** Returns true if the `blocks` that have just arrived are to be passed on: with each 64th of a piece, and the last. */
export function isOutputDue(piece: PieceBuffer, blocks = 1): boolean {
  return piece.complete || piece.passesEachBlock || piece.arrived % BLOCKS_PER_OUTPUT < blocks
}
