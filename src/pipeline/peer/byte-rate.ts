/** Milliseconds after which the weight of a measurement has decreased by a factor of e. */
const DECAY_MS = 5000

/** Measures the rate of a growing count in bytes per second, as an exponential mean over some seconds. */
export class ByteRate {
  #count = 0
  #updatedAt = -1
  #rate = 0
  #weight = 0

  /** Bytes per second. */
  get rate(): number {
    return this.#weight > 0 ? this.#rate / this.#weight : 0
  }

  /** Takes the current count. */
  update(count: number, now: number): void {
    if (this.#updatedAt >= 0 && now > this.#updatedAt) {
      const keep = Math.exp((this.#updatedAt - now) / DECAY_MS)
      this.#rate = this.#rate * keep + (((count - this.#count) * 1000) / (now - this.#updatedAt)) * (1 - keep)
      this.#weight = this.#weight * keep + (1 - keep)
    }
    if (now <= this.#updatedAt) return
    this.#count = count
    this.#updatedAt = now
  }
}
