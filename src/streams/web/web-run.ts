import { BLOCK_LENGTH } from '../../codec/message.ts'
import { copyBytes } from '../copy-bytes.ts'
import type { Request } from '../pending-requests.ts'
import type { BlockWriter } from '../piece-buffer.ts'

/** Owns the requests of a run. */
export interface RunOwner {
  /** Returns true while the block is requested. */
  wants(request: Request): boolean
  /** Returns the memory for a block, or null to skip it. */
  place(request: Request, writer: BlockWriter): Uint8Array | null
  /** Called when a block is complete in its place. */
  onPlaced(request: Request): void
  /** Called when a block was received and skipped. */
  onRefused(request: Request): void
}

/** Adjacent blocks of a torrent, written to their places as their bytes arrive. */
export class WebRun implements BlockWriter {
  /** Aborts the requests of this run. */
  readonly control = new AbortController()
  readonly #requests: Request[]
  readonly #pieceLength: number
  readonly #owner: RunOwner
  /** The current block. */
  #next = 0
  /** Bytes of it that have arrived. */
  #filled = 0
  #place: Uint8Array | null = null

  /** @param requests without gaps, at least one */
  constructor(requests: Request[], pieceLength: number, owner: RunOwner) {
    this.#requests = requests
    this.#pieceLength = pieceLength
    this.#owner = owner
  }

  /** The requests that are not answered yet. */
  get requests(): Request[] {
    return this.#requests.slice(this.#next)
  }

  /** True if any of these blocks is still wanted. */
  get wanted(): boolean {
    return this.requests.some(request => this.#owner.wants(request))
  }

  /** The position of the next byte, from the torrent's start. */
  get position(): number {
    const request = this.#requests[this.#next]!
    return startOf(request, this.#pieceLength) + this.#filled
  }

  /** Remaining bytes. */
  get left(): number {
    const last = this.#requests.at(-1)
    if (this.#next >= this.#requests.length || !last) return 0
    return startOf(last, this.#pieceLength) + last.piece.blockLength(last.block) - this.position
  }

  /** Removes blocks at either end that are no longer wanted. No bytes of the run may be in flight. */
  trim(): void {
    const owner = this.#owner
    const some = () => this.#next < this.#requests.length
    while (some() && !owner.wants(this.#requests.at(-1)!)) this.#requests.pop()
    while (this.#filled === 0 && some() && !owner.wants(this.#requests[this.#next]!)) this.#next++
  }

  /** Writes the next bytes. Bytes beyond the end are ignored. */
  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.#next < this.#requests.length; ) {
      const step = this.#begin(bytes.length - at)
      if (this.#place) copyBytes(bytes.subarray(at, at + step), this.#place, this.#filled)
      at += step
      this.#advance(step)
    }
  }

  /** Writes `length` zeros. */
  zeros(length: number): void {
    for (let at = 0; at < length && this.#next < this.#requests.length; ) {
      const step = this.#begin(length - at)
      this.#place?.fill(0, this.#filled, this.#filled + step)
      at += step
      this.#advance(step)
    }
  }

  divert(index: number, begin: number): void {
    const request = this.#requests[this.#next]
    if (request?.piece.index === index && request.block * BLOCK_LENGTH === begin) this.#place = null
  }

  /** @returns how many of the next `maxLength` bytes belong to the current block */
  #begin(maxLength: number): number {
    const request = this.#requests[this.#next]!
    if (this.#filled === 0) this.#place = this.#owner.place(request, this)
    return Math.min(maxLength, request.piece.blockLength(request.block) - this.#filled)
  }

  #advance(step: number): void {
    const request = this.#requests[this.#next]!
    this.#filled += step
    if (this.#filled < request.piece.blockLength(request.block)) return
    const whole = this.#place !== null
    this.#place = null
    this.#filled = 0
    this.#next++
    if (whole) this.#owner.onPlaced(request)
    else this.#owner.onRefused(request)
  }
}

/** Sorts blocks into runs without gaps, of at most `maxLength` bytes. */
export function runsOf(requests: readonly Request[], pieceLength: number, maxLength: number): Request[][] {
  const sorted = [...requests].sort((a, b) => startOf(a, pieceLength) - startOf(b, pieceLength))
  const runs: Request[][] = []
  let end = -1
  let first = 0
  for (const request of sorted) {
    const start = startOf(request, pieceLength)
    if (start !== end || start - first >= maxLength) {
      runs.push([])
      first = start
    }
    runs.at(-1)!.push(request)
    end = start + request.piece.blockLength(request.block)
  }
  return runs
}

function startOf({ piece, block }: Request, pieceLength: number): number {
  return piece.index * pieceLength + block * BLOCK_LENGTH
}
