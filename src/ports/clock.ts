/** Time is injected: all code that waits or measures takes a `Clock`, so that tests control it. */

/** A pending call, for `Clock.clearTimeout`. */
export type Timer = object

/** Time for everything that waits or measures: the clock of the machine, or one that a test advances. */
export interface Clock {
  /** Milliseconds, monotonic, from an arbitrary start. */
  now(): number
  /** Calls `call` once, `ms` milliseconds from now. */
  setTimeout(call: () => void, ms: number): Timer
  clearTimeout(timer: Timer | undefined): void
}

/** Milliseconds between two readings of the time while a timer waits. */
const READING_INTERVAL_MS = 250
/**
 * A reading that is late by more than this many milliseconds means that the process did not run. A busy event loop is
 * rarely late by that much, and no deadline is shorter.
 */
const GAP_MS = 1000
/** Milliseconds by which a timer may be early, because Node rounds them. */
const ROUNDING_MS = 5
/** The maximum delay of `setTimeout` in milliseconds. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

interface Pending extends Timer {
  readonly call: () => void
  /** The time at which it is due, of this clock. */
  readonly due: number
  /** The timer of the clock below; undefined after it was called or cleared. */
  below: Timer | undefined
}

/**
 * A clock that counts only the time in which the process runs. After SIGSTOP and SIGCONT, a laptop's sleep or a long
 * garbage collection, every deadline is later by the gap, because messages that arrived meanwhile have not been read.
 *
 * While a timer waits, it reads the clock below every 250 ms. If the last reading is more than 1,250 ms ago, the time since
 * then does not count. Timers that were due meanwhile wait for the rest of their time.
 */
export class RunningClock implements Clock {
  readonly #below: Clock
  /** Milliseconds that do not count. */
  #skipped = 0
  /** The time of the clock below at the last reading. */
  #lastReading = 0
  #waiting = 0
  /** The timer of the next reading; none while no timer waits, so that it never keeps the process running. */
  #readingTimer: Timer | undefined

  /** @param below a monotonic clock; it may advance while the process is stopped */
  constructor(below: Clock) {
    this.#below = below
  }

  now(): number {
    const now = this.#below.now()
    if (this.#readingTimer && now - this.#lastReading > READING_INTERVAL_MS + GAP_MS)
      this.#skipped += now - this.#lastReading
    this.#lastReading = now
    return now - this.#skipped
  }

  setTimeout(call: () => void, ms: number): Timer {
    const timer: Pending = { call, due: this.now() + ms, below: undefined }
    this.#arm(timer, ms)
    if (this.#waiting++ === 0) this.#scheduleReading()
    return timer
  }

  clearTimeout(timer: Timer | undefined): void {
    const pending = timer as Pending | undefined
    if (!pending?.below) return
    this.#below.clearTimeout(pending.below)
    this.#settle(pending)
  }

  #arm(timer: Pending, ms: number): void {
    // Node warns of a time in the past.
    const wait = Math.max(0, Math.min(ms, MAX_TIMEOUT_MS))
    timer.below = this.#below.setTimeout(() => this.#onDue(timer), wait)
  }

  #onDue(timer: Pending): void {
    const left = timer.due - this.now()
    if (left > ROUNDING_MS) {
      this.#arm(timer, left)
      return
    }
    this.#settle(timer)
    timer.call()
  }

  #settle(timer: Pending): void {
    timer.below = undefined
    if (--this.#waiting > 0) return
    this.#below.clearTimeout(this.#readingTimer)
    this.#readingTimer = undefined
  }

  #scheduleReading(): void {
    this.#readingTimer = this.#below.setTimeout(() => {
      this.now()
      this.#scheduleReading()
    }, READING_INTERVAL_MS)
  }
}

/** The time of this machine in which the process ran. */
export const systemClock: Clock = new RunningClock({
  now: () => performance.now(),
  setTimeout: (call, ms) => setTimeout(call, ms),
  clearTimeout: timer => clearTimeout(timer as NodeJS.Timeout | undefined),
})
