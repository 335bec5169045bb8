import { BLOCK_LENGTH } from '../../codec/message.ts'
import type { RequestWindow } from '../../streams/peer/requester.ts'

export interface RateWindowOptions {
  /** Returns the most requests that the peer and our memory allow. */
  readonly limit: () => number
  /** The initial and the minimum size, as far as `limit` allows. @default 4 */
  readonly min?: number
  /** Returns true while readers need pieces in order. @default false */
  readonly hasReaders?: () => boolean
}

const MIN_WINDOW_REQUESTS = 4
/** A bound from rejects is dropped when it reaches this many requests. */
const MAX_ACCEPTED_REQUESTS = 2048
/** Maximum blocks until one more request is tried than the peer accepted. */
const MAX_TRIAL_BLOCKS = 1024
/** Minimum milliseconds over which a rate is measured. */
const RATE_WINDOW_MS = 500
/** Milliseconds of the peer's rate that are requested beyond its round trip. */
const RESERVE_MS = 750
/** The same while readers wait: what is requested before a seek comes before the bytes of the new place. */
const READER_RESERVE_MS = 150
/** The share of the longest pause that is remembered after each rate window. */
const PAUSE_MEMORY = 0.75
/** Maximum requests beyond the round trip on a short link: more cost memory and gain nothing. */
const MAX_RESERVE_BLOCKS = 512
/** The same on a long link, for each request of a round trip. */
const MAX_RESERVE_RATIO = 8
/** Requests that each block adds while a long link is idle: the window grows fourfold per round trip. */
const IDLE_GROWTH_BLOCKS = 3
/** Blocks after which an idle link counts, because a rate limit may let the first pass at once. */
const BURST_BLOCKS = 8
/** The shortest round trip of a long link. On a shorter one, doubling takes little time. */
const LONG_LINK_MS = 50
/** A block that took at most this many round trips found an idle link. */
const IDLE_RATIO = 1.25
/** A block that took this many round trips waited in a queue, which more requests would only prolong. */
const QUEUED_RATIO = 2
/** The share of the known rate that remains after a time with too few requests. */
const UNUSED_RATE_SHARE = 0.98

/**
 * Decides how many requests may be in flight to one peer.
 *
 * Inputs: the time and the wait of each block; the times with too few requests; true while readers wait; the number of accepted requests when the
 * peer rejected others; and `limit` (the queue of the peer and our memory). The window grows by one per block while the rate
 * grows, and faster while blocks of a long link wait in no queue. From then on it is the rate times the round trip and a
 * reserve. The number of accepted requests bounds it. That bound grows by one per full window, but less often the more often
 * the peer rejected the additional request.
 */
export class RateWindow implements RequestWindow {
  readonly #limit: () => number
  readonly #min: number
  #size: number
  #isGrowing = true
  /** Blocks until the window may grow faster than one per block; never after a snub. */
  #blocksUntilFast = BURST_BLOCKS
  /** The number of requests that the peer accepts, as far as is known, and the blocks that came since it changed. */
  #accepted = Number.POSITIVE_INFINITY
  #blocksSinceChange = 0
  /** Blocks until one more request is tried, and true if it was tried since the last reject. */
  #trialBlocks = 1
  #hasTried = true
  #windowStart = -1
  #windowBytes = 0
  /** True if fewer blocks were requested than the window allows, so that the rate is not that of the peer. */
  #isUnused = false
  /** True if there were too few requests since the last block, so that the pause is ours. */
  #isOwnPause = true
  /** Bytes per millisecond over the last whole window in use. */
  rate = 0
  /** The shortest wait for a block, in ms. */
  roundTrip = Number.POSITIVE_INFINITY

  /** The recent mean time from a request to its block, in ms; undefined before the first. */
  meanWaitMs: number | undefined
  /** The time of the last block; undefined before the first. */
  lastBlockAt: number | undefined
  /** The longest recent time between two blocks, in ms. */
  longestPauseMs = 0

  readonly #hasReaders: () => boolean

  constructor({ limit, min = MIN_WINDOW_REQUESTS, hasReaders = () => false }: RateWindowOptions) {
    this.#limit = limit
    this.#size = this.#min = min
    this.#hasReaders = hasReaders
  }

  get size(): number {
    return Math.max(1, Math.min(this.#desiredSize, this.#accepted, this.#limit()))
  }

  /** True if more requests would be in flight if the peer and our memory allowed them. */
  get isCapped(): boolean {
    return this.size < this.#desiredSize
  }

  get #desiredSize(): number {
    return this.#isGrowing ? this.#size : Math.max(this.#min, this.#blocksAt(this.rate))
  }

  /** Raises the size before the first block. Has no effect after it. */
  startWith(requests: number): void {
    if (this.meanWaitMs === undefined) this.#size = Math.max(this.#size, requests)
  }

  onBlock(bytes: number, waited: number, now: number): void {
    this.meanWaitMs =
      this.meanWaitMs === undefined ? waited : this.meanWaitMs + (waited - this.meanWaitMs) / 4
    if (waited < this.roundTrip) this.roundTrip = waited
    this.#windowBytes += bytes
    if (!this.#isOwnPause) this.longestPauseMs = Math.max(this.longestPauseMs, now - this.lastBlockAt!)
    this.#isOwnPause = false
    this.lastBlockAt = now
    if (this.#isGrowing) this.#grow(waited)
    if (++this.#blocksSinceChange >= this.#accepted && this.#blocksSinceChange >= this.#trialBlocks)
      this.#tryMore()
    if (this.#windowStart < 0) this.#windowStart = now
    const span = now - this.#windowStart
    // at least one round trip, because its blocks may come all at once
    if (span >= RATE_WINDOW_MS && span >= this.roundTrip) this.#updateRate(this.#windowBytes / span, now)
  }

  onShortage(): void {
    this.#isUnused = true
    this.#isOwnPause = true
  }

  onSnub(): void {
    this.#size = this.#min
    this.#isGrowing = true
    this.#blocksUntilFast = Number.POSITIVE_INFINITY
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

  #grow(waited: number): void {
    const isIdle = this.roundTrip >= LONG_LINK_MS && waited <= IDLE_RATIO * this.roundTrip
    if (--this.#blocksUntilFast < 0 && isIdle) this.#size += IDLE_GROWTH_BLOCKS
    else if (waited < QUEUED_RATIO * this.roundTrip) this.#size++
    else if (this.#size < MAX_RESERVE_BLOCKS && waited < this.roundTrip + this.#reserveMs) this.#size++
  }

  #updateRate(rate: number, now: number): void {
    if (this.#isUnused) this.rate = Math.max(rate, this.rate * UNUSED_RATE_SHARE)
    else {
      if (rate < this.rate * 1.1) this.#isGrowing = false
      this.rate = rate
    }
    this.longestPauseMs *= PAUSE_MEMORY
    this.#isUnused = false
    this.#windowStart = now
    this.#windowBytes = 0
  }

  get #reserveMs(): number {
    return this.#hasReaders() ? READER_RESERVE_MS : RESERVE_MS
  }

  /** The number of blocks that come at this rate in a round trip, and a reserve. */
  #blocksAt(rate: number): number {
    const inFlight = (rate * this.roundTrip) / BLOCK_LENGTH
    const reserve = (rate * this.#reserveMs) / BLOCK_LENGTH
    return Math.ceil(inFlight + Math.min(reserve, Math.max(MAX_RESERVE_BLOCKS, MAX_RESERVE_RATIO * inFlight)))
  }

  /** Tries one more request, as the peer may accept more again. */
  #tryMore(): void {
    this.#blocksSinceChange = 0
    this.#hasTried = true
    this.#trialBlocks = Math.max(1, this.#trialBlocks / 2)
    this.#accepted = this.#accepted >= MAX_ACCEPTED_REQUESTS ? Number.POSITIVE_INFINITY : this.#accepted + 1
  }
}
