import { BLOCK_LENGTH } from '../../codec/message.ts'

/**
 * Decides when a web seed counts as silent.
 *
 * Inputs: when blocks came, or skipped bytes before them; the time of the oldest open request; the time.
 */
export class WebPatience {
  /** True while it has not answered in time. */
  snubbed = false
  #snubbedAt = 0
  #lastArrival = 0
  /** Skipped bytes since the last arrival. */
  #passed = 0

  /** Notes an arrival. @param block false if it was no block: skipped bytes, or a delay by our rate limit */
  onArrival(now: number, block = true): void {
    this.#lastArrival = now
    this.#passed = 0
    if (block) this.snubbed = false
  }

  /** Notes bytes before the requested ones. 16 KiB of them count as an arrival. */
  onSkipped(bytes: number, now: number): void {
    this.#passed += bytes
    if (this.#passed >= BLOCK_LENGTH) this.onArrival(now, false)
  }

  /**
   * @returns `snubbed` when the web seed becomes snubbed, `late` when it has been snubbed long enough to end its
   * requests
   */
  check(now: number, oldest: number | undefined, timeout: number): 'snubbed' | 'late' | undefined {
    if (this.snubbed) {
      if (now - Math.max(this.#snubbedAt, this.#lastArrival) <= 3 * timeout) return undefined
      this.snubbed = false
      return 'late'
    }
    if (now - Math.max(this.#lastArrival, oldest ?? now) <= timeout) return undefined
    this.snubbed = true
    this.#snubbedAt = now
    return 'snubbed'
  }
}
