import { BLOCK_LENGTH } from '../../codec/message.ts'

/**
 * When a web seed counts as silent.
 *
 * Depends on: when blocks came, or bytes before them that were passed over; when the oldest open request was made; the time.
 */
export class WebPatience {
  /** True while it has not answered in time. */
  snubbed = false
  #snubbedAt = 0
  #lastArrival = 0
  /** Bytes passed over since the last arrival. */
  #passed = 0

  /** A block came; with `block` false, our own rate limit held it back. */
  arrived(now: number, block = true): void {
    this.#lastArrival = now
    this.#passed = 0
    if (block) this.snubbed = false
  }

  /** Bytes came that precede the requested ones; 16 KiB of them count as an arrival. */
  passed(bytes: number, now: number): void {
    this.#passed += bytes
    if (this.#passed >= BLOCK_LENGTH) this.arrived(now, false)
  }

  /** @returns `snubbed` when it becomes so, `late` when it has been so long enough to end its requests */
  look(now: number, oldest: number | undefined, timeout: number): 'snubbed' | 'late' | undefined {
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
