import type { PieceBuffer } from '../../streams/piece-buffer.ts'
import type { PieceBuffers } from './piece-buffers.ts'

/**
 * Unfinished pieces that no reader needs soon. They keep the blocks that have arrived, late answers are still written into them,
 * and a reader that comes back continues with them. The oldest is closed when its memory is needed.
 */
export class ParkedPieces {
  readonly #pieces = new Map<number, PieceBuffer>()
  readonly #buffers: Pick<PieceBuffers, 'close'>

  constructor(buffers: Pick<PieceBuffers, 'close'>) {
    this.#buffers = buffers
  }

  [Symbol.iterator](): IterableIterator<PieceBuffer> {
    return this.#pieces.values()
  }

  get(index: number): PieceBuffer | undefined {
    return this.#pieces.get(index)
  }

  /** Adds a piece of which no block is requested. */
  add(piece: PieceBuffer): void {
    this.#pieces.set(piece.index, piece)
  }

  /** Removes a piece that is continued. */
  take(index: number): PieceBuffer | undefined {
    const piece = this.#pieces.get(index)
    this.#pieces.delete(index)
    return piece
  }

  /** Closes a piece that is verified or wrong, if it is parked. */
  end(piece: PieceBuffer): void {
    if (this.#pieces.get(piece.index) !== piece) return
    this.#pieces.delete(piece.index)
    piece.close()
    this.#buffers.close(piece, false)
  }

  /** Closes the oldest pieces until at most `count` remain. A whole piece is on its way to the storage and remains. */
  shrink(count: number): void {
    for (const piece of this.#pieces.values()) {
      if (this.#pieces.size <= count) return
      if (!piece.complete) this.end(piece)
    }
  }
}
