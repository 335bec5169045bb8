import { BLOCK_LENGTH } from '../codec/message.ts'
import type { PieceBuffer } from './piece-buffer.ts'

/** A request for one block to one peer. */
export interface Request {
  readonly piece: PieceBuffer
  readonly block: number
  /** When it was sent, in ms of the clock. */
  readonly at: number
  /** True if the peer was too slow, so that others may fetch the block too. Its answer is still accepted. */
  lost: boolean
}

/** Blocks of the largest piece that metainfo allows, for keys that fit a number. */
const MAX_BLOCKS = 1 << 20

/** The requests to one peer that it has to answer, in the order in which they were sent. */
export class PendingRequests {
  readonly #requests = new Map<number, Request>()
  #lost = 0

  /** The number of requests that are not lost. */
  get count(): number {
    return this.#requests.size - this.#lost
  }

  /** The first request. */
  get first(): Request | undefined {
    for (const request of this.#requests.values()) return request
    return undefined
  }

  /** The first request that is not lost. */
  get firstCounting(): Request | undefined {
    for (const request of this.#requests.values()) if (!request.lost) return request
    return undefined
  }

  /** Adds a request, in place of one for the same block. @returns the replaced request */
  add(request: Request): Request | undefined {
    const key = requestKey(request.piece.index, request.block)
    const before = this.#requests.get(key)
    if (before) this.drop(before)
    this.#requests.set(key, request)
    if (request.lost) this.#lost++
    return before
  }

  /** Restores an earlier request for this block that was lost, or lost its piece. @returns true if there was one */
  restore(request: Request): boolean {
    const key = requestKey(request.piece.index, request.block)
    const before = this.#requests.get(key)
    if (!before || (!before.lost && !before.piece.closed)) return false
    if (before.lost) this.#lost--
    this.#requests.set(key, { ...request, at: before.at }) // it keeps its place in the order
    return true
  }

  get(index: number, block: number): Request | undefined {
    return this.#requests.get(requestKey(index, block))
  }

  /** The request for a block of this buffer; not one for an earlier buffer of the same piece. */
  findInto(piece: PieceBuffer, block: number): Request | undefined {
    const request = this.get(piece.index, block)
    return request?.piece === piece ? request : undefined
  }

  /** The request that a block on the wire answers. */
  find(index: number, begin: number): Request | undefined {
    // checked first: with a large index, the fraction of a block would be lost by rounding
    if (begin % BLOCK_LENGTH !== 0) return undefined
    return this.#requests.get(requestKey(index, begin / BLOCK_LENGTH))
  }

  /** Returns the requests for which `fits` returns true. */
  filter(fits: (request: Request) => boolean): Request[] {
    return [...this.#requests.values()].filter(fits)
  }

  /** Removes a request that was answered or withdrawn. */
  drop(request: Request): void {
    this.#requests.delete(requestKey(request.piece.index, request.block))
    if (request.lost) this.#lost--
  }

  /** Marks all requests as lost. @returns those that were not lost before */
  markAllLost(): Request[] {
    const requests = this.#counting()
    for (const request of requests) request.lost = true
    this.#lost = this.#requests.size
    return requests
  }

  /** Removes all requests. @returns those that were not lost */
  clear(): Request[] {
    const requests = this.#counting()
    this.#requests.clear()
    this.#lost = 0
    return requests
  }

  #counting(): Request[] {
    return [...this.#requests.values()].filter(({ lost }) => !lost)
  }
}

/** Returns a number that identifies a block of a torrent. */
export function requestKey(index: number, block: number): number {
  return index * MAX_BLOCKS + block
}
