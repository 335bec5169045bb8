import { BLOCK_LENGTH } from '../codec/message.ts'
import type { PieceBuffer } from './piece-buffer.ts'

/** One block that was asked of one peer. */
export interface Request {
  readonly piece: PieceBuffer
  readonly block: number
  /** When it was asked for, in ms of the clock. */
  readonly at: number
  /** The peer was too slow, so others may fetch the block too. Its answer is still welcome. */
  lost: boolean
}

/** Blocks of the largest piece that metainfo allows, for keys that fit a number. */
const MAX_BLOCKS = 1 << 20

/** The requests to one peer that it has to answer, in the order in which they were made. */
export class PendingRequests {
  readonly #requests = new Map<number, Request>()
  #lost = 0

  /** How many still count. */
  get count(): number {
    return this.#requests.size - this.#lost
  }

  /** The first of all. */
  get first(): Request | undefined {
    for (const request of this.#requests.values()) return request
    return undefined
  }

  /** The first of those that still count. */
  get firstCounting(): Request | undefined {
    for (const request of this.#requests.values()) if (!request.lost) return request
    return undefined
  }

  /** Adds a request, in place of one for the same block. */
  add(request: Request): void {
    const key = keyOf(request.piece.index, request.block)
    const before = this.#requests.get(key)
    if (before) this.drop(before)
    this.#requests.set(key, request)
    if (request.lost) this.#lost++
  }

  /** Restores an earlier request for this block that was lost, or lost its piece. @returns true if there was one */
  restore(request: Request): boolean {
    const key = keyOf(request.piece.index, request.block)
    const before = this.#requests.get(key)
    if (!before || (!before.lost && !before.piece.closed)) return false
    if (before.lost) this.#lost--
    this.#requests.set(key, { ...request, at: before.at }) // which stays where it is in the order
    return true
  }

  get(index: number, block: number): Request | undefined {
    return this.#requests.get(keyOf(index, block))
  }

  /** The request that a block on the wire answers. */
  find(index: number, begin: number): Request | undefined {
    // asked first: beside a large index, the fraction of a block would be rounded away
    if (begin % BLOCK_LENGTH !== 0) return undefined
    return this.#requests.get(keyOf(index, begin / BLOCK_LENGTH))
  }

  /** Those for which `fits` holds. */
  filter(fits: (request: Request) => boolean): Request[] {
    return [...this.#requests.values()].filter(fits)
  }

  /** It was answered, or is taken back. */
  drop(request: Request): void {
    this.#requests.delete(keyOf(request.piece.index, request.block))
    if (request.lost) this.#lost--
  }

  /** Marks all of them lost. @returns those that counted until now */
  markAllLost(): Request[] {
    const requests = this.#counting()
    for (const request of requests) request.lost = true
    this.#lost = this.#requests.size
    return requests
  }

  /** Removes all. @returns those that counted until now */
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

/** A number for each block of a torrent. */
export function keyOf(index: number, block: number): number {
  return index * MAX_BLOCKS + block
}
