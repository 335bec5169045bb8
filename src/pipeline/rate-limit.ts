import type { Clock, Timer } from '../clock.ts'
import { InputError } from '../errors.ts'

export interface RateLimitOptions {
  /** Bytes a second, above 0. @default unlimited, as is Infinity */
  readonly rate?: number | undefined
  readonly clock: Clock
  /** How many milliseconds of the rate may gather unused, at least 1. @default 250 */
  readonly burst?: number
}

/** An ask that waits for its turn, to be given back to `RateLimit.cancel`. */
export type Ticket = object

interface Ask extends Ticket {
  readonly bytes: number
  readonly go: () => void
  /** Where the share of whoever asks stands before this, in bytes on a scale of all. */
  readonly start: number
}

/** The longest that `setTimeout` can wait, in ms. */
const LONGEST = 2 ** 31 - 1

/**
 * A rate that many peers share: a token bucket, and a queue before it.
 *
 * A token is a byte. An ask is granted whole as soon as there are tokens at all, and the bucket goes into debt for what
 * they do not cover: so the excess is never more than the burst and one ask, and an ask beyond the burst does not
 * wait for ever. Whose share is the least so far comes first, and among equals who came first (start-time fair
 * queueing): so the shares of those who ask all the time are equal in bytes, however much each asks for at once and
 * whoever asks fastest; to have asked for nothing earns nothing. There is a timer only while somebody waits.
 */
export class RateLimit {
  /** Bytes that were granted or spent so far. */
  granted = 0
  readonly #rate: number
  readonly #most: number
  readonly #clock: Clock
  /** Those that wait, in their turn. */
  readonly #asks: Ask[] = []
  /** Where the share of each stands after what it was granted, and where that of the last who was granted anything began. */
  readonly #shares = new WeakMap<object, number>()
  #share = 0
  #tokens: number
  #filledAt: number
  #timer: Timer | undefined
  #granting = false
  #closed = false

  /** @throws InputError ERR_USAGE when the rate or the burst is none */
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
    this.#most = (rate * burst) / 1000
    this.#tokens = this.#most
    this.#filledAt = clock.now()
  }

  /** How many asks wait. */
  get waiting(): number {
    return this.#asks.length
  }

  /**
   * Asks for `bytes` (64 KiB at most, for the sake of the others), and calls `go` once when they are granted:
   * at once, or in turn. A `go` may ask again.
   * @param who has a share of its own; without it, every ask has
   * @returns the ticket of an ask that waits, `undefined` when `go` was called
   */
  take(bytes: number, go: () => void, who: object = go): Ticket | undefined {
    const start = Math.max(this.#share, this.#shares.get(who) ?? 0)
    const ask: Ask = { bytes, go, start }
    if (this.#closed) return ask
    if (this.#rate === Number.POSITIVE_INFINITY) {
      this.granted += bytes
      go()
      return undefined
    }
    this.#shares.set(who, start + bytes)
    // from behind, as most asks come after all others
    let at = this.#asks.length
    while (at > 0 && this.#asks[at - 1]!.start > start) at--
    this.#asks.splice(at, 0, ask)
    // while the timer runs there are no tokens
    if (!this.#timer) this.#grant()
    return this.#asks.includes(ask) ? ask : undefined
  }

  /** Charges for bytes that nobody asked for; fewer than 0 gives back what was granted and not used. */
  spend(bytes: number): void {
    this.granted += bytes
    this.#tokens -= bytes
    // the wait is another now
    if (!this.#timer) return
    this.#disarm()
    this.#grant()
  }

  /** Takes an ask back: its `go` is not called any more. A ticket that was granted already changes nothing. */
  cancel(ticket: Ticket | undefined): void {
    const at = this.#asks.indexOf(ticket as Ask)
    if (at >= 0) this.#asks.splice(at, 1)
    // whoever is next waits for the same moment: when there are tokens again
    if (this.#asks.length === 0) this.#disarm()
  }

  /** Drops whoever waits, and whoever asks from now on. Idempotent. */
  close(): void {
    this.#closed = true
    this.#asks.length = 0
    this.#disarm()
  }

  #grant(): void {
    // a `go` that asks again gets its turn in the loop below, however deep it is
    if (this.#granting) return
    this.#granting = true
    try {
      this.#fill()
      while (this.#tokens > 0) {
        const ask = this.#asks.shift()
        if (!ask) break
        this.#share = ask.start
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
    // what was gained pays debts first, and only the rest may be too much
    this.#tokens = Math.min(this.#most, this.#tokens + gained)
    this.#filledAt = now
  }

  #arm(): void {
    if (this.#timer || this.#asks.length === 0) return
    // the first whole millisecond at which the bucket is above 0
    const wait = Math.max(0, Math.floor((-this.#tokens * 1000) / this.#rate) + 1)
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#timer = undefined
        this.#grant()
      },
      Math.min(wait, LONGEST),
    )
  }

  #disarm(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
