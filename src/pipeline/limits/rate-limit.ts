import { InputError } from '../../errors.ts'
import type { Clock, Timer } from '../../ports/clock.ts'
import { type Ask, FairQueue } from './fair-queue.ts'

export interface RateLimitOptions {
  /** Bytes per second, above 0. @default unlimited, as is Infinity */
  readonly rate?: number | undefined
  readonly clock: Clock
  /** Milliseconds of unused rate that are kept, at least 1. @default 250 */
  readonly burst?: number
}

/** An ask that waits for its turn, as `RateLimit.cancel` takes it. */
export type Ticket = object

/** The longest time that `setTimeout` can wait, in ms. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

/**
 * A rate that several owners share: a token bucket, and a fair queue before it.
 *
 * A token is a byte. An ask is granted whole as soon as there are tokens at all, and the bucket goes into debt for the
 * rest: so the excess is never more than the burst and one ask, and an ask larger than the burst does not wait for
 * ever. There is a timer only while an ask waits.
 */
export class RateLimit {
  /** Bytes granted so far. */
  granted = 0
  readonly #rate: number
  readonly #capacity: number
  readonly #clock: Clock
  readonly #asks = new FairQueue()
  #tokens: number
  #filledAt: number
  #timer: Timer | undefined
  #granting = false
  #closed = false

  /** @throws InputError ERR_USAGE for an invalid rate or burst */
  constructor({ rate = Number.POSITIVE_INFINITY, clock, burst = 250 }: RateLimitOptions) {
    // written so that NaN fails too
    if (!(rate > 0)) {
      throw new InputError(
        'ERR_USAGE',
        `rate: expected bytes a second above 0, got ${rate}; leave it out for no limit`,
      )
    }
    if (!(burst >= 1)) {
      throw new InputError('ERR_USAGE', `burst: expected at least 1 millisecond, got ${burst}`)
    }
    this.#rate = rate
    this.#clock = clock
    this.#capacity = (rate * burst) / 1000
    this.#tokens = this.#capacity
    this.#filledAt = clock.now()
  }

  /** The number of asks that wait. */
  get waiting(): number {
    return this.#asks.size
  }

  /**
   * Asks for `bytes` (64 KiB at most, for the sake of the other owners), and calls `go` once when they are granted:
   * at once, or in turn. `go` may ask again.
   * @param owner has a share of its own; without it, every ask has
   * @returns the ticket of an ask that waits, `undefined` when `go` was called
   */
  take(bytes: number, go: () => void, owner: object = go): Ticket | undefined {
    if (this.#closed) return { bytes }
    if (this.#rate === Number.POSITIVE_INFINITY) {
      this.granted += bytes
      go()
      return undefined
    }
    const ask = this.#asks.push(bytes, go, owner)
    // while the timer runs there are no tokens
    if (!this.#timer) this.#grant()
    return this.#asks.has(ask) ? ask : undefined
  }

  /** Takes an ask back: its `go` is not called. A ticket that was granted already changes nothing. */
  cancel(ticket: Ticket | undefined): void {
    this.#asks.delete(ticket as Ask)
    // the next ask waits for the same moment: when there are tokens again
    if (this.#asks.size === 0) this.#disarm()
  }

  /** Drops all asks, and those that come from now on. Idempotent. */
  close(): void {
    this.#closed = true
    this.#asks.clear()
    this.#disarm()
  }

  #grant(): void {
    // a `go` that asks again gets its turn in the loop below, however deep it is
    if (this.#granting) return
    this.#granting = true
    try {
      this.#fill()
      while (this.#tokens > 0) {
        const ask = this.#asks.first
        if (!ask) break
        this.#asks.grant(ask)
        this.#tokens -= ask.bytes
        this.granted += ask.bytes
        ask.go()
      }
    } finally {
      this.#granting = false
      this.#arm()
    }
  }

  #fill(): void {
    const now = this.#clock.now()
    const gained = ((now - this.#filledAt) * this.#rate) / 1000
    // debts are paid first, and only the rest may exceed the capacity
    this.#tokens = Math.min(this.#capacity, this.#tokens + gained)
    this.#filledAt = now
  }

  #arm(): void {
    if (this.#timer || this.#asks.size === 0) return
    // the first whole millisecond at which the bucket is above 0
    const wait = Math.max(0, Math.floor((-this.#tokens * 1000) / this.#rate) + 1)
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#timer = undefined
        this.#grant()
      },
      Math.min(wait, MAX_TIMEOUT_MS),
    )
  }

  #disarm(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
