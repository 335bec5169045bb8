/** Milliseconds over which the past fades. */
const FADE = 5000

/** A rate from a count that only grows: bytes a second, an exponential mean over some seconds. */
export class ByteRate {
  #count = 0
  #at = -1
  #rate = 0
  #weight = 0

  /** Bytes a second. */
  get rate(): number {
    return this.#weight > 0 ? this.#rate / this.#weight : 0
  }

  /** The count is `count` now. */
  update(count: number, now: number): void {
    if (this.#at >= 0 && now > this.#at) {
      const keep = Math.exp((this.#at - now) / FADE)
      this.#rate = this.#rate * keep + (((count - this.#count) * 1000) / (now - this.#at)) * (1 - keep)
      this.#weight = this.#weight * keep + (1 - keep)
    }
    if (now <= this.#at) return
    this.#count = count
    this.#at = now
  }
}
