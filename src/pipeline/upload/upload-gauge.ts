/** Milliseconds of a sample, and the number of samples that make the rate. */
const SAMPLE_MS = 250
const SAMPLE_COUNT = 4
/** Share of the best recent rate from which the upload counts as saturated. */
const SATURATED_SHARE = 0.85
/** Factor for the best rate after each sample, so that a slower line is detected after a minute or two. */
const BEST_RATE_DECAY = 0.998

/**
 * Decides whether the upload is as fast as it can be, compared with its recent past.
 *
 * Inputs: the bytes sent recently, and the best rate.
 */
export class UploadGauge {
  readonly #rates: number[] = []
  #updatedAt: number | undefined
  #count = 0
  #best = 0
  /** True while the upload is saturated: bytes for one peer delay the bytes for another. */
  saturated = false

  /** @param count bytes sent so far; @param now ms of the clock */
  update(count: number, now: number): void {
    const span = now - (this.#updatedAt ?? now)
    if (this.#updatedAt !== undefined && span < SAMPLE_MS) return
    if (span > 0) this.#rates.push((count - this.#count) / span)
    if (this.#rates.length > SAMPLE_COUNT) this.#rates.shift()
    this.#updatedAt = now
    this.#count = count
    const rate = this.#rates.reduce((sum, rate) => sum + rate, 0) / SAMPLE_COUNT
    this.#best = Math.max(this.#best * BEST_RATE_DECAY, rate)
    this.saturated = rate > 0 && rate >= SATURATED_SHARE * this.#best
  }
}
