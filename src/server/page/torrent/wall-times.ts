import type { Clock } from '../../../ports/clock.ts'

/** Milliseconds by which a time may differ from the one before and still be the same. */
const TOLERANCE_MS = 1500

/** Turns times of the clock into dates. A date stays the same while only the measurement differs. */
export class WallTimes {
  readonly #clock: Clock
  readonly #now: () => number
  readonly #known = new Map<string, number>()
  readonly #dates = new WeakMap<object, number>()

  /** @param now milliseconds since 1970 */
  constructor(clock: Clock, now: () => number) {
    this.#clock = clock
    this.#now = now
  }

  /** Returns the date of an event that is `ms` milliseconds away; undefined for undefined. @param key identifies the event */
  dateIn(key: string, ms: number | undefined): number | undefined {
    if (ms === undefined) return undefined
    const date = Math.round(this.#now() + ms)
    const before = this.#known.get(key)
    if (before !== undefined && Math.abs(before - date) < TOLERANCE_MS) return before
    this.#known.set(key, date)
    return date
  }

  /** Returns the date of a time of the clock that belongs to an object and never changes. */
  dateOf(owner: object, at: number): number {
    const known = this.#dates.get(owner)
    if (known !== undefined) return known
    const date = Math.round(this.#now() - (this.#clock.now() - at))
    this.#dates.set(owner, date)
    return date
  }
}
