import { checkRequired } from '../../codec/check-arguments.ts'
import { ParkedCallback } from '../parked-callback.ts'
import type { PieceBuffer } from '../piece-buffer.ts'
import { type Done, Writable } from '../stage.ts'
import { WaitTime } from '../wait-time.ts'

/** Options of `PieceWriter`. */
export interface PieceWriterOptions {
  /** Stores the bytes. `write` resolves when they are stored and their memory can be reused. */
  readonly storage: { write(position: number, bytes: Uint8Array): Promise<void> }
  /** Bytes of every piece but the last. */
  readonly pieceLength: number
  /** Returns the number of zeros to store after a piece, which are in no piece (BEP 52). @default 0 */
  readonly paddingOf?: (index: number) => number
  /** Returns other pieces with the same bytes, which are stored as well. @default none */
  readonly copiesOf?: ((index: number) => readonly number[]) | undefined
  /** Maximum writes at once. @default 4 */
  readonly concurrency?: number
  /** Called with each piece that is stored, and with the copies of it. */
  readonly onFlushed?: (piece: PieceBuffer, copies: readonly number[]) => void
  /** Returns milliseconds of a monotonic clock. @default writes are not measured */
  readonly now?: () => number
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
  /** The number of finished writes, and the milliseconds that they took, added up. */
  writes = 0
  writeMs = 0
  /** The time in which no piece is taken, as `concurrency` writes run. */
  readonly writeWait = new WaitTime()
  readonly #now: () => number
  readonly #storage: PieceWriterOptions['storage']
  readonly #pieceLength: number
  readonly #paddingOf: PieceWriterOptions['paddingOf']
  readonly #concurrency: number
  readonly #copiesOf: PieceWriterOptions['copiesOf']
  readonly #flushed: PieceWriterOptions['onFlushed']
  #running = 0
  readonly #parked = new ParkedCallback()
  #failure: Error | null = null

  constructor(options: PieceWriterOptions) {
    checkRequired(options, { storage: 'object', pieceLength: 'positive' })
    super({ highWaterMark: 1 << 20, byteLength: piece => piece.length || 1 })
    const { storage, pieceLength, paddingOf, copiesOf, concurrency = 4, now = () => 0, onFlushed } = options
    this.#now = now
    this.#storage = storage
    this.#pieceLength = pieceLength
    this.#concurrency = concurrency
    this.#paddingOf = paddingOf
    this.#copiesOf = copiesOf
    this.#flushed = onFlushed
  }

  override _write(piece: PieceBuffer, done: Done): void {
    const startedAt = this.#now()
    this.#running++
    const copies = this.#copiesOf?.(piece.index) ?? []
    this.#writeAll(piece, copies).then(
      () => {
        this.#running--
        this.#noteWritten(startedAt)
        if (!this.destroying) this.#flushed?.(piece, copies)
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
    else {
      this.writeWait.set(true, startedAt)
      this.#parked.park(done)
    }
  }

  #noteWritten(startedAt: number): void {
    const now = this.#now()
    this.writes++
    this.writeMs += now - startedAt
    this.writeWait.set(false, now)
  }

  async #writeAll({ data, index }: PieceBuffer, copies: readonly number[]): Promise<void> {
    await this.#storage.write(index * this.#pieceLength, this.#padded(data, index))
    for (const copy of copies) {
      await this.#storage.write(copy * this.#pieceLength, this.#padded(data, copy))
    }
  }

  #padded(data: Uint8Array, index: number): Uint8Array {
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
