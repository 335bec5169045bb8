import { BLOCK_LENGTH } from '../../codec/message.ts'
import { PeerError } from '../../errors.ts'
import { keyOf, PendingRequests, type Request } from '../pending-requests.ts'
import { WithdrawnRequests } from './withdrawn-requests.ts'

/** Blocks that were never asked for, before their sender is taken for a flooder; and of so many useful ones, one more. */
const MAX_UNWANTED = 128
const USEFUL_PER_UNWANTED = 16

/**
 * What one peer was asked: the requests under way, and those that were taken back and may still be answered.
 *
 * An answer belongs to one request, and to the oldest for its block, as TCP keeps order.
 */
export class PeerRequests extends PendingRequests {
  readonly #withdrawn = new WithdrawnRequests()
  #unwanted = 0

  /** Adds a request. One for the same block before it may still be answered. */
  override add(request: Request): void {
    const { piece, block } = request
    if (this.get(piece.index, block)) this.#withdrawn.add(keyOf(piece.index, block))
    super.add(request)
  }

  /** Takes requests back: the peer need not answer them any more, but still may. */
  withdraw(requests: readonly Request[]): void {
    for (const request of requests) {
      this.drop(request)
      this.#withdrawn.add(keyOf(request.piece.index, request.block))
    }
  }

  /** Returns true if a block was requested and an answer may still come. */
  expects(index: number, begin: number): boolean {
    if (begin % BLOCK_LENGTH !== 0) return false
    return (
      this.find(index, begin) !== undefined || this.#withdrawn.count(keyOf(index, begin / BLOCK_LENGTH)) > 0
    )
  }

  /**
   * A block came, which answers the oldest request for it. @param request the newest, if it is under way
   * @returns how many others there are, to be cancelled
   */
  settle(request: Request | undefined, index: number, block: number): number {
    if (request) this.drop(request)
    if (this.#withdrawn.empty) return 0
    const key = keyOf(index, block)
    // of a request under way and some before it, as many remain as were before it
    if (request) return this.#withdrawn.count(key)
    this.#withdrawn.settle(key)
    return 0
  }

  /** A reject came, which answers the oldest request for its block. @returns the request under way, if that is the one */
  reject(index: number, begin: number): Request | undefined {
    if (begin % BLOCK_LENGTH !== 0 || this.#withdrawn.settle(keyOf(index, begin / BLOCK_LENGTH)))
      return undefined
    return this.find(index, begin)
  }

  /**
   * A block came that is not expected. @param useful how many came that were
   * @throws PeerError when there were too many
   */
  countUnwanted(useful: number): void {
    if (this.#withdrawn.settleForgotten()) return
    const most = MAX_UNWANTED + Math.floor(useful / USEFUL_PER_UNWANTED)
    if (++this.#unwanted > most)
      throw new PeerError('ERR_MESSAGE', `${most} blocks came that were never asked for`)
  }

  /** Forgets what is too old. To be called now and then. */
  tick(now: number): void {
    this.#withdrawn.tick(now)
  }
}
