/** Milliseconds over which the rate is measured. */
const RATE_WINDOW_MS = 250

/**
 * Measures the rate of stored pieces.
 *
 * Inputs: the times of stored pieces.
 */
export class PieceRate {
  #count = 0
  #counted = 0
  #since = -1
  /** Pieces a millisecond. */
  #rate = 0

  /** Counts a stored piece. */
  addFinished(): void {
    this.#count++
  }

  /** Measures the rate. @param now in ms */
  update(now: number): void {
    if (this.#since < 0) this.#since = now
    const span = now - this.#since
    if (span < RATE_WINDOW_MS) return
    const rate = (this.#count - this.#counted) / span
    this.#rate = this.#rate === 0 ? rate : this.#rate + (rate - this.#rate) / 2
    this.#counted = this.#count
    this.#since = now
  }

  /** Returns the expected number of stored pieces within this many milliseconds. */
  countIn(ms = 0): number {
    return this.#rate * ms
  }
}
