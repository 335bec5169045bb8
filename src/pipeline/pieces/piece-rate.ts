/** Milliseconds over which a pace is measured. */
const SPAN = 250

/**
 * How fast pieces come to rest.
 *
 * Depends on: when pieces did.
 */
export class PieceRate {
  #count = 0
  #counted = 0
  #since = -1
  /** Pieces a millisecond. */
  #rate = 0

  /** A piece is at rest. */
  finished(): void {
    this.#count++
  }

  /** It is this time now, in ms. */
  update(now: number): void {
    if (this.#since < 0) this.#since = now
    const span = now - this.#since
    if (span < SPAN) return
    const rate = (this.#count - this.#counted) / span
    this.#rate = this.#rate === 0 ? rate : this.#rate + (rate - this.#rate) / 2
    this.#counted = this.#count
    this.#since = now
  }

  /** How many pieces come to rest within so many ms. */
  covered(ms = 0): number {
    return this.#rate * ms
  }
}
