import { BLOCK_LENGTH } from '../../codec/message.ts'
import type { RequestWindow } from '../../streams/peer/requester.ts'

const LEAST = 4
/** Requests from which on a bound that the peer showed by refusing is of no more use. */
const MOST_ACCEPTED = 1024
/** Blocks that have to come, at most, until one request more is tried than the peer accepted. */
const LONGEST_TRIAL_BLOCKS = 1024
/** Milliseconds over which a rate is measured. */
const SPAN = 500
/** Milliseconds of its rate that a peer is kept busy for, beyond its round trip. */
const AHEAD = 750

/**
 * How many requests may be under way to one peer.
 *
 * Depends on: when blocks came and how long each was waited for; how many requests the peer accepted when it refused
 * others; and `limit` (what the peer said it takes and what our memory allows it). Grows by a block a block until the
 * rate grows no further; from then on it is the rate times the round trip and a reserve. What the peer accepted
 * bounds it. That bound grows by one for each full window that comes, but less often the more often this was refused.
 */
export class RateWindow implements RequestWindow {
  readonly #limit: () => number
  readonly #least: number
  #size: number
  #starting = true
  /** What the peer accepts as far as is known, and how many blocks came since that changed. */
  #accepted = Number.POSITIVE_INFINITY
  #since = 0
  /** How many have to come until one request more is tried, and whether it was since the last refusal. */
  #trial = 1
  #tried = true
  #spanStart = -1
  #spanBytes = 0
  /** Bytes a millisecond over the last whole span. */
  rate = 0
  /** The shortest wait for a block, in ms. */
  roundTrip = Number.POSITIVE_INFINITY

  /** How long a block is waited for of late, in ms; undefined before the first. */
  usualWaitMs: number | undefined

  /** @param least requests that are made whatever the rate, as far as `limit` allows; and to begin with */
  constructor(limit: () => number, least = LEAST) {
    this.#limit = limit
    this.#size = this.#least = least
  }

  get size(): number {
    return Math.max(1, Math.min(this.#size, this.#accepted, this.#limit()))
  }

  onBlock(bytes: number, waited: number, now: number): void {
    this.usualWaitMs =
      this.usualWaitMs === undefined ? waited : this.usualWaitMs + (waited - this.usualWaitMs) / 4
    if (waited < this.roundTrip) this.roundTrip = waited
    this.#spanBytes += bytes
    if (this.#starting) this.#size++
    if (++this.#since >= this.#accepted && this.#since >= this.#trial) this.#widen()
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

  onSnub(): void {
    this.#size = this.#least
    this.#starting = true
    this.rate = 0
    this.#spanStart = -1
    this.#spanBytes = 0
  }

  /** The peer refused requests: it accepts no more than these for now. */
  onRefusal(accepted: number): void {
    this.#accepted = Math.max(1, Math.min(this.#accepted, accepted))
    this.#since = 0
    if (this.#tried) this.#trial = Math.min(4 * this.#trial, LONGEST_TRIAL_BLOCKS)
    this.#tried = false
  }

  /** The peer may accept more again: tries one more. */
  #widen(): void {
    this.#since = 0
    this.#tried = true
    this.#trial = Math.max(1, this.#trial / 2)
    this.#accepted = this.#accepted >= MOST_ACCEPTED ? Number.POSITIVE_INFINITY : this.#accepted + 1
  }
}
