import { ParkedCallback } from '../parked-callback.ts'
import type { PieceBuffer } from '../piece-buffer.ts'
import { type Done, Writable } from '../stage.ts'

/** Options of `PieceWriter`. */
export interface PieceWriterOptions {
  /** Stores the bytes. `write` resolves when they are stored and their memory can be reused. */
  readonly storage: { write(position: number, bytes: Uint8Array): Promise<void> }
  /** Bytes of every piece but the last. */
  readonly pieceLength: number
  /** Returns the number of zeros to store after a piece, which are in no piece (BEP 52). @default 0 */
  readonly paddingOf?: (index: number) => number
  /** Maximum writes at once. @default 4 */
  readonly concurrency?: number
  /** Called with each piece that is stored. */
  readonly onFlushed?: (piece: PieceBuffer) => void
}

/**
 * Writes verified pieces to their places, in any order.
 *
 * in            PieceBuffer, verified
 * out           positional writes; `onFlushed` for each stored piece
 * backpressure  takes no piece while `concurrency` writes run
 * fails with    the error of the storage
 */
export class PieceWriter extends Writable<PieceBuffer> {
  readonly #storage: PieceWriterOptions['storage']
  readonly #pieceLength: number
  readonly #paddingOf: PieceWriterOptions['paddingOf']
  readonly #concurrency: number
  readonly #flushed: ((piece: PieceBuffer) => void) | undefined
  #running = 0
  readonly #parked = new ParkedCallback()
  #failure: Error | null = null

  constructor({ storage, pieceLength, paddingOf, concurrency = 4, onFlushed }: PieceWriterOptions) {
    super({ highWaterMark: 1 << 20, byteLength: piece => piece.length || 1 })
    this.#storage = storage
    this.#pieceLength = pieceLength
    this.#concurrency = concurrency
    this.#paddingOf = paddingOf
    this.#flushed = onFlushed
  }

  override _write(piece: PieceBuffer, done: Done): void {
    this.#running++
    this.#storage.write(piece.index * this.#pieceLength, this.#padded(piece)).then(
      () => {
        this.#running--
        if (!this.destroying) this.#flushed?.(piece)
        this.#parked.release(this.#failure)
      },
      error => {
        this.#running--
        this.#failure ??= error
        this.destroy(error)
        this.#parked.release(this.#failure)
      },
    )
    if (this.#running < this.#concurrency) done(this.#failure)
    else this.#parked.park(done)
  }

  #padded({ data, index }: PieceBuffer): Uint8Array {
    const padding = this.#paddingOf?.(index) ?? 0
    return padding === 0 ? data : Buffer.concat([data, Buffer.alloc(padding)])
  }

  /** Ends after the last write. */
  override _final(done: Done): void {
    if (this.#running === 0 || this.destroying) done(this.#failure)
    else this.#parked.park(() => this._final(done))
  }

  override _predestroy(): void {
    this.#parked.release(this.#failure)
  }
}
