import type { Fetcher } from '../../streams/block-source.ts'
import type { PieceBuffer } from '../../streams/piece-buffer.ts'
import type { ActivePiece } from './active-piece.ts'

/** The active pieces, and which of them have blocks that are requested from no peer. */
export class ActivePieces {
  readonly #pieces = new Map<number, ActivePiece>()
  readonly #withFreeBlocks = new Set<ActivePiece>()

  get size(): number {
    return this.#pieces.size
  }

  /** True if a block is requested from no peer. */
  get hasFreeBlocks(): boolean {
    return this.#withFreeBlocks.size > 0
  }

  /** True if the lowest active piece has all blocks: it waits for the disk or a reader, not for peers. */
  get isLowestWhole(): boolean {
    return this.#pieces.get(Math.min(...this.#pieces.keys()))?.buffer.closed ?? false
  }

  /** The active pieces, in the order in which they became active. */
  [Symbol.iterator](): IterableIterator<ActivePiece> {
    return this.#pieces.values()
  }

  /** The pieces with blocks that are requested from no peer. */
  withFreeBlocks(): ReadonlySet<ActivePiece> {
    return this.#withFreeBlocks
  }

  get(index: number): ActivePiece | undefined {
    return this.#pieces.get(index)
  }

  /** Returns the active piece with this buffer; undefined if the buffer belongs to an earlier attempt. */
  find(buffer: PieceBuffer): ActivePiece | undefined {
    const active = this.#pieces.get(buffer.index)
    return active?.buffer === buffer ? active : undefined
  }

  /** True if an active piece is for this peer alone, and lacks blocks. One that is whole may wait for a reader. */
  hasExclusive(fetcher: Fetcher): boolean {
    for (const { alone, buffer } of this.#pieces.values())
      if (alone === fetcher && !buffer.complete) return true
    return false
  }

  add(active: ActivePiece): void {
    this.#pieces.set(active.buffer.index, active)
    this.update(active)
  }

  delete(active: ActivePiece): void {
    this.#pieces.delete(active.buffer.index)
    this.#withFreeBlocks.delete(active)
  }

  /** Notes that blocks of a piece were requested or given back. */
  update(active: ActivePiece): void {
    if (active.buffer.free > 0) this.#withFreeBlocks.add(active)
    else this.#withFreeBlocks.delete(active)
  }
}
