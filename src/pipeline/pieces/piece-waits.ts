import { InputError } from '../../errors.ts'
import { PieceWaiters } from '../reading/piece-waiters.ts'

/** The waits for pieces of one torrent: for whole verified pieces, and for bytes that can be read. */
export class PieceWaits {
  readonly #pieceCount: number
  readonly #verified = new PieceWaiters()
  readonly #readable = new PieceWaiters()

  constructor(pieceCount: number) {
    this.#pieceCount = pieceCount
  }

  /** @throws InputError ERR_USAGE for a number that is no piece of the torrent */
  checkIndex(index: number): void {
    if (Number.isInteger(index) && index >= 0 && index < this.#pieceCount) return
    const last = this.#pieceCount - 1
    throw new InputError('ERR_USAGE', `index: expected a piece from 0 to ${last}, got ${index}`)
  }

  /** Resolves once this piece is verified and stored. Rejects with the error that ended the waits. */
  waitVerified(index: number): Promise<void> {
    return this.#verified.wait(index)
  }

  /** Resolves once more bytes of this piece can be read. Rejects with the error that ended the waits. */
  waitReadable(index: number): Promise<void> {
    return this.#readable.wait(index)
  }

  /** Notes that a piece is verified and stored. */
  noteVerified(index: number): void {
    this.#verified.wake(index)
    this.#readable.wake(index)
  }

  /** Notes that more bytes of a piece can be read. */
  noteReadable(index: number): void {
    this.#readable.wake(index)
  }

  /** Rejects current and later waits. */
  end(reason: Error): void {
    this.#verified.end(reason)
    this.#readable.end(reason)
  }
}
