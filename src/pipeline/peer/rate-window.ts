import { BLOCK_LENGTH } from '../../codec/message.ts'
import type { RequestWindow } from '../../streams/peer/requester.ts'

const MIN_WINDOW_REQUESTS = 4
/** A bound from rejects is dropped when it reaches this many requests. */
const MAX_ACCEPTED_REQUESTS = 1024
/** Maximum blocks until one more request is tried than the peer accepted. */
const MAX_TRIAL_BLOCKS = 1024
/** Milliseconds over which a rate is measured. */
const RATE_WINDOW_MS = 500
/** Milliseconds of the peer's rate that are requested beyond its round trip. */
const RESERVE_MS = 750

/**
 * Decides how many requests may be in flight to one peer.
 *
 * Inputs: the time and the wait of each block; the number of accepted requests when the peer rejected others; and `limit`
 * (the queue of the peer and our memory). The window grows by one per block while the rate grows. From then on it is the rate
 * times the round trip and a reserve. The number of accepted requests bounds it. That bound grows by one per full window,
 * but less often the more often the peer rejected the additional request.
 */
export class RateWindow implements RequestWindow {
  readonly #limit: () => number
  readonly #min: number
  #size: number
  #isGrowing = true
  /** The number of requests that the peer accepts, as far as is known, and the blocks that came since it changed. */
  #accepted = Number.POSITIVE_INFINITY
  #blocksSinceChange = 0
  /** Blocks until one more request is tried, and true if it was tried since the last reject. */
  #trialBlocks = 1
  #hasTried = true
  #windowStart = -1
  #windowBytes = 0
  /** Bytes per millisecond over the last whole window. */
  rate = 0
  /** The shortest wait for a block, in ms. */
  roundTrip = Number.POSITIVE_INFINITY

  /** The recent mean time from a request to its block, in ms; undefined before the first. */
  meanWaitMs: number | undefined

  /** @param min the initial and the minimum size, as far as `limit` allows */
  constructor(limit: () => number, min = MIN_WINDOW_REQUESTS) {
    this.#limit = limit
    this.#size = this.#min = min
  }

  get size(): number {
    return Math.max(1, Math.min(this.#size, this.#accepted, this.#limit()))
  }

  onBlock(bytes: number, waited: number, now: number): void {
    this.meanWaitMs =
      this.meanWaitMs === undefined ? waited : this.meanWaitMs + (waited - this.meanWaitMs) / 4
    if (waited < this.roundTrip) this.roundTrip = waited
    this.#windowBytes += bytes
    if (this.#isGrowing) this.#size++
    if (++this.#blocksSinceChange >= this.#accepted && this.#blocksSinceChange >= this.#trialBlocks)
      this.#tryMore()
    if (this.#windowStart < 0) this.#windowStart = now
    const span = now - this.#windowStart
    if (span < RATE_WINDOW_MS) return
    const rate = this.#windowBytes / span
    if (this.#isGrowing && rate < this.rate * 1.1) this.#isGrowing = false
    if (!this.#isGrowing) {
      this.#size = Math.max(this.#min, Math.ceil((rate * (this.roundTrip + RESERVE_MS)) / BLOCK_LENGTH))
    }
    this.rate = rate
    this.#windowStart = now
    this.#windowBytes = 0
  }

  onSnub(): void {
    this.#size = this.#min
    this.#isGrowing = true
    this.rate = 0
    this.#windowStart = -1
    this.#windowBytes = 0
  }

  /** The peer rejected requests, and accepts no more than this many for now. */
  onRefusal(accepted: number): void {
    this.#accepted = Math.max(1, Math.min(this.#accepted, accepted))
    this.#blocksSinceChange = 0
    if (this.#hasTried) this.#trialBlocks = Math.min(4 * this.#trialBlocks, MAX_TRIAL_BLOCKS)
    this.#hasTried = false
  }

  /** Tries one more request, as the peer may accept more again. */
  #tryMore(): void {
    this.#blocksSinceChange = 0
    this.#hasTried = true
    this.#trialBlocks = Math.max(1, this.#trialBlocks / 2)
    this.#accepted = this.#accepted >= MAX_ACCEPTED_REQUESTS ? Number.POSITIVE_INFINITY : this.#accepted + 1
  }
}
