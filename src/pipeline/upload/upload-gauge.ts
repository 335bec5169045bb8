/** Milliseconds of each sample, and how many make up the rate. */
const SAMPLE_MS = 250
const SAMPLES = 4
/** How much of the best rate of late is as good as all of it. */
const FULL = 0.85
/** What is left of the best rate after a sample: a line that became slower is known as such after a minute or two. */
const FADE = 0.998

/**
 * Whether the upload is as fast as it can be, as far as its own past says.
 *
 * Depends on: the bytes sent of late, and the best rate that there was.
 */
export class UploadGauge {
  readonly #rates: number[] = []
  #at: number | undefined
  #count = 0
  #best = 0
  /** True while no more could be sent: to send to one peer takes from another. */
  saturated = false

  /** @param count bytes sent so far; @param now ms of the clock */
  update(count: number, now: number): void {
    const span = now - (this.#at ?? now)
    if (this.#at !== undefined && span < SAMPLE_MS) return
    if (span > 0) this.#rates.push((count - this.#count) / span)
    if (this.#rates.length > SAMPLES) this.#rates.shift()
    this.#at = now
    this.#count = count
    const rate = this.#rates.reduce((sum, rate) => sum + rate, 0) / SAMPLES
    this.#best = Math.max(this.#best * FADE, rate)
    this.saturated = rate > 0 && rate >= FULL * this.#best
  }
}
