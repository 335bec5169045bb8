import { BLOCK_LENGTH } from '../codec/message.ts'
import type { PieceBuffer } from './piece-buffer.ts'

/** One block that was asked of one peer. */
export interface Request {
  readonly piece: PieceBuffer
  readonly block: number
  /** When it was asked for, in ms of the clock. */
  readonly at: number
  /** Others may fetch it too: this peer was too slow. It is still welcome. */
  lost: boolean
}

/** Blocks of the largest piece that metainfo allows, for keys that fit a number. */
const MAX_BLOCKS = 1 << 20

/** The requests under way to one peer, in the order in which they were made. */
export class Outstanding {
  readonly #requests = new Map<number, Request>()
  #lost = 0
  #forgiven = 0

  /** How many still count. */
  get count(): number {
    return this.#requests.size - this.#lost
  }

  /** When the first was made of those that still count. */
  get oldest(): number | undefined {
    for (const { lost, at } of this.#requests.values()) if (!lost) return at
    return undefined
  }

  add(request: Request): void {
    const key = keyOf(request.piece.index, request.block)
    if (this.#requests.get(key)?.lost) this.#lost--
    this.#requests.set(key, request)
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

  /** Those for blocks of this piece. */
  of(index: number): Request[] {
    return this.where(other => other === index)
  }

  /** Those for blocks of pieces for which `fits` holds. */
  where(fits: (index: number) => boolean): Request[] {
    return [...this.#requests.values()].filter(({ piece }) => fits(piece.index))
  }

  /** It was answered, or is taken back. */
  drop(request: Request): void {
    this.#requests.delete(keyOf(request.piece.index, request.block))
    if (request.lost) this.#lost--
  }

  /** An answer to something that we no longer wait for may still come: that is nobody's fault. */
  forgive(): void {
    this.#forgiven++
  }

  /** @returns whether a block that came unasked is one of those */
  forgives(): boolean {
    if (this.#forgiven === 0) return false
    this.#forgiven--
    return true
  }

  /** Marks all of them lost. @returns those that counted until now */
  lose(): Request[] {
    const requests = this.#counting()
    for (const request of requests) request.lost = true
    this.#lost = this.#requests.size
    return requests
  }

  /** Expects nothing any more. @returns those that counted until now */
  forget(): Request[] {
    const requests = this.#counting()
    this.#forgiven += this.#requests.size
    this.#requests.clear()
    this.#lost = 0
    return requests
  }

  #counting(): Request[] {
    return [...this.#requests.values()].filter(({ lost }) => !lost)
  }
}

function keyOf(index: number, block: number): number {
  return index * MAX_BLOCKS + block
}
