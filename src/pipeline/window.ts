import { BLOCK_LENGTH } from '../codec/message.ts'
import type { RequestWindow } from '../streams/requester.ts'

const LEAST = 4
/** Milliseconds over which a rate is measured. */
const SPAN = 500
/** Milliseconds of its rate that a peer is kept busy for, beyond its round trip. */
const AHEAD = 750

/**
 * How many requests may be under way to one peer.
 *
 * Depends on: when blocks came and how long each was waited for, and `limit` (what the peer said it takes
 * and what our memory allows it). Grows by a block a block until the rate grows no further; from then on
 * it is the rate times the round trip and a reserve.
 */
export class RateWindow implements RequestWindow {
  readonly #limit: () => number
  readonly #least: number
  #size: number
  #starting = true
  #spanStart = -1
  #spanBytes = 0
  /** Bytes a millisecond over the last whole span. */
  rate = 0
  /** The shortest wait for a block, in ms. */
  roundTrip = Number.POSITIVE_INFINITY

  /** How long a block is waited for of late, in ms; undefined before the first. */
  usual: number | undefined

  /** @param least requests that are made whatever the rate, as far as `limit` allows; and to begin with */
  constructor(limit: () => number, least = LEAST) {
    this.#limit = limit
    this.#size = this.#least = least
  }

  get size(): number {
    return Math.max(1, Math.min(this.#size, this.#limit()))
  }

  received(bytes: number, waited: number, now: number): void {
    this.usual = this.usual === undefined ? waited : this.usual + (waited - this.usual) / 4
    if (waited < this.roundTrip) this.roundTrip = waited
    this.#spanBytes += bytes
    if (this.#starting) this.#size++
    if (this.#spanStart < 0) this.#spanStart = now
    const span = now - this.#spanStart
    if (span < SPAN) return
    const rate = this.#spanBytes / span
    if (this.#starting && rate < this.rate * 1.1) this.#starting = false
    if (!this.#starting) {
      this.#size = Math.max(this.#least, Math.ceil((rate * (this.roundTrip + AHEAD)) / BLOCK_LENGTH))
    }
    this.rate = rate
    this.#spanStart = now
    this.#spanBytes = 0
  }

  snubbed(): void {
    this.#size = this.#least
    this.#starting = true
    this.rate = 0
    this.#spanStart = -1
    this.#spanBytes = 0
  }
}
