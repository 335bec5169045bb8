import { BLOCK_LENGTH } from '../../codec/message.ts'
import { PeerError } from '../../errors.ts'
import { PendingRequests, type Request, requestKey } from '../pending-requests.ts'
import type { BlockWriter, PieceBuffer } from '../piece-buffer.ts'
import { WithdrawnRequests } from './withdrawn-requests.ts'

/** Maximum unrequested blocks of a peer before it counts as a flooder, and useful blocks that allow one more. */
const MAX_UNWANTED = 128
const USEFUL_PER_UNWANTED = 16

/**
 * The requests to one peer: those in flight, and withdrawn ones that may still be answered.
 *
 * An answer belongs to the oldest request for its block, as TCP keeps order.
 */
export class PeerRequests extends PendingRequests {
  readonly #withdrawn = new WithdrawnRequests()
  #unwanted = 0

  /** Adds a request. An earlier one for the same block may still be answered. */
  override add(request: Request): Request | undefined {
    const before = super.add(request)
    if (before) this.#withdrawn.add(requestKey(before.piece.index, before.block))
    return before
  }

  /** Withdraws requests. The peer may still answer them. */
  withdraw(requests: readonly Request[]): void {
    for (const request of requests) {
      this.drop(request)
      this.#withdrawn.add(requestKey(request.piece.index, request.block))
    }
  }

  /** Returns true if a block was requested and an answer may still come. */
  expects(index: number, begin: number): boolean {
    if (begin % BLOCK_LENGTH !== 0) return false
    return (
      this.find(index, begin) !== undefined ||
      this.#withdrawn.count(requestKey(index, begin / BLOCK_LENGTH)) > 0
    )
  }

  /**
   * Settles the oldest request for a block that arrived. @param request the newest request, if it is in flight
   * @returns the number of other requests, to be cancelled
   */
  settle(request: Request | undefined, index: number, block: number): number {
    if (request) this.drop(request)
    if (this.#withdrawn.empty) return 0
    const key = requestKey(index, block)
    // the newest request was dropped, so the oldest stays in its place
    if (request) return this.#withdrawn.count(key)
    this.#withdrawn.settle(key)
    return 0
  }

  /**
   * Settles the requests for adjacent blocks of a piece that `writer` has written: as many as were sent at the same time, and
   * only while no withdrawn request is open.
   * @param first the first block @param end the block after the last
   */
  settleTogether(piece: PieceBuffer, first: number, end: number, writer: BlockWriter): Request[] {
    const settled: Request[] = []
    if (!this.#withdrawn.empty) return settled
    for (let block = first; block < end && piece.isClaimedBy(block, writer); block++) {
      const request = this.findInto(piece, block)
      if (!request || (settled.length > 0 && request.at !== settled[0]!.at)) break
      this.drop(request)
      settled.push(request)
    }
    return settled
  }

  /** Settles the oldest request for a rejected block. @returns the request in flight, if it is that one */
  reject(index: number, begin: number): Request | undefined {
    if (begin % BLOCK_LENGTH !== 0 || this.#withdrawn.settle(requestKey(index, begin / BLOCK_LENGTH)))
      return undefined
    return this.find(index, begin)
  }

  /**
   * Counts an unexpected block. @param useful the number of useful blocks
   * @throws PeerError after too many
   */
  countUnwanted(useful: number): void {
    if (this.#withdrawn.settleForgotten()) return
    const maxUnwanted = MAX_UNWANTED + Math.floor(useful / USEFUL_PER_UNWANTED)
    if (++this.#unwanted > maxUnwanted)
      throw new PeerError('ERR_MESSAGE', `${maxUnwanted} blocks came that were never requested`)
  }

  /** Forgets old requests. Called several times a second. */
  tick(now: number): void {
    this.#withdrawn.tick(now)
  }
}
