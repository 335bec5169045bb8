import { BLOCK_LENGTH } from '../codec/message.ts'

/**
 * Whether a web seed lets us wait too long.
 *
 * Depends on: when blocks came, or bytes before them that were passed over; since when the oldest request waits; the time.
 */
export class WebPatience {
  /** Has not answered in time: gets no further requests until it does. */
  snubbed = false
  #snubbedAt = 0
  #lastArrival = 0
  /** Bytes passed over since the last arrival. */
  #passed = 0

  /** A block came, or it is we who hold it back. */
  arrived(now: number, block = true): void {
    this.#lastArrival = now
    this.#passed = 0
    if (block) this.snubbed = false
  }

  /** Bytes came that nobody asked for, before those that somebody did: as many as a block count as one. */
  passed(bytes: number, now: number): void {
    this.#passed += bytes
    if (this.#passed >= BLOCK_LENGTH) this.arrived(now, false)
  }

  /** @returns whether it is snubbed from now on, or has been for so long that its requests are to be ended */
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
