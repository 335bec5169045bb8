import { InputError } from '../../errors.ts'
import type { Clock, Timer } from '../../ports/clock.ts'
import { type ByteRequest, FairQueue } from './fair-queue.ts'

export interface RateLimitOptions {
  /** Bytes per second, above 0. @default unlimited, as is Infinity */
  readonly rate?: number | undefined
  readonly clock: Clock
  /** Milliseconds of unused rate that are kept, at least 1. @default 250 */
  readonly burst?: number
}

/** A request that waits for its turn, as `RateLimit.cancel` takes it. */
export type Ticket = object

/** The longest time that `setTimeout` can wait, in ms. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

/**
 * A rate that several owners share: a token bucket, and a fair queue before it.
 *
 * A token is a byte. A request is granted whole as soon as there is any token, and the bucket goes into debt for the rest.
 * So the excess is never more than the burst and one request, and a request larger than the burst does not wait forever.
 * There is a timer only while a request waits.
 */
export class RateLimit {
  /** Bytes granted so far. */
  granted = 0
  #rate: number
  readonly #burst: number
  readonly #clock: Clock
  readonly #requests = new FairQueue()
  #tokens: number
  #filledAt: number
  #timer: Timer | undefined
  #granting = false
  #closed = false

  /** @throws InputError ERR_USAGE for an invalid rate or burst */
  constructor({ rate = Number.POSITIVE_INFINITY, clock, burst = 250 }: RateLimitOptions) {
    checkRate(rate)
    if (!(burst >= 1)) {
      throw new InputError('ERR_USAGE', `burst: expected at least 1 millisecond, got ${burst}`)
    }
    this.#rate = rate
    this.#clock = clock
    this.#burst = burst
    this.#tokens = this.#capacity
    this.#filledAt = clock.now()
  }

  /** Bytes per second; Infinity for no limit. */
  get rate(): number {
    return this.#rate
  }

  /** Changes the rate at once, also for requests that wait. @throws InputError ERR_USAGE for an invalid rate */
  set rate(rate: number) {
    checkRate(rate)
    if (rate === this.#rate) return
    if (this.isUnlimited) this.#tokens = 0
    else this.#fill()
    this.#filledAt = this.#clock.now()
    this.#rate = rate
    this.#tokens = Math.min(this.#tokens, this.#capacity)
    this.#disarm()
    this.#grant()
  }

  /** True if there is no limit. */
  get isUnlimited(): boolean {
    return this.#rate === Number.POSITIVE_INFINITY
  }

  /** The number of requests that wait. */
  get waiting(): number {
    return this.#requests.size
  }

  /**
   * Requests `bytes`, and calls `onGranted` once when they are granted: at once, or in turn. `onGranted` may request again.
   * At most 64 KiB, so that other owners do not wait long.
   * @param owner has its own share; without an owner, every request has its own share
   * @returns the ticket of a request that waits, `undefined` when `onGranted` was called
   */
  take(bytes: number, onGranted: () => void, owner: object = onGranted): Ticket | undefined {
    if (this.#closed) return { bytes }
    if (this.isUnlimited && this.#requests.size === 0) {
      this.granted += bytes
      onGranted()
      return undefined
    }
    const request = this.#requests.push(bytes, onGranted, owner)
    // while the timer runs there are no tokens
    if (!this.#timer) this.#grant()
    return this.#requests.has(request) ? request : undefined
  }

  /** Withdraws a request: its `onGranted` is not called. Has no effect on a ticket that was granted. */
  cancel(ticket: Ticket | undefined): void {
    this.#requests.delete(ticket as ByteRequest)
    // the next request waits for the same moment: when there are tokens again
    if (this.#requests.size === 0) this.#disarm()
  }

  /** Drops all requests, now and later. Idempotent. */
  close(): void {
    this.#closed = true
    this.#requests.clear()
    this.#disarm()
  }

  #grant(): void {
    // an `onGranted` that requests again gets its turn in the loop below, however deep it is
    if (this.#granting) return
    this.#granting = true
    try {
      this.#fill()
      while (this.#tokens > 0 || this.isUnlimited) {
        const request = this.#requests.first
        if (!request) break
        this.#requests.grant(request)
        if (!this.isUnlimited) this.#tokens -= request.bytes
        this.granted += request.bytes
        request.onGranted()
      }
    } finally {
      this.#granting = false
      this.#arm()
    }
  }

  /** The most tokens that are kept. */
  get #capacity(): number {
    return (this.#rate * this.#burst) / 1000
  }

  #fill(): void {
    if (this.isUnlimited) return
    const now = this.#clock.now()
    const gained = ((now - this.#filledAt) * this.#rate) / 1000
    // debts are paid first, and only the rest may exceed the capacity
    this.#tokens = Math.min(this.#capacity, this.#tokens + gained)
    this.#filledAt = now
  }

  #arm(): void {
    if (this.#timer || this.#requests.size === 0) return
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

function checkRate(rate: number): void {
  // written so that NaN fails too
  if (rate > 0) return
  throw new InputError(
    'ERR_USAGE',
    `rate: expected bytes a second above 0, got ${rate}; leave it out for no limit`,
  )
}
