/** Time as it is handed in: everything that waits or measures takes a `Clock`, so that tests can own it. */

/** A pending call, to be given back to `Clock.clearTimeout`. */
export type Timer = object

export interface Clock {
  /** Milliseconds, monotonic, from an arbitrary start. */
  now(): number
  /** Calls `call` once, `ms` milliseconds from now. */
  setTimeout(call: () => void, ms: number): Timer
  clearTimeout(timer: Timer | undefined): void
}

/** Milliseconds between two looks at the time while a timer waits. */
const BEAT_MS = 250
/**
 * A look that is late by more than this many milliseconds means that the process did not run. A loop that is only busy
 * is seldom late by so much, and no deadline is shorter than it.
 */
const GAP_MS = 1000
/** Milliseconds by which a timer may be early: Node rounds them. */
const ROUNDING_MS = 5
/** The longest that `setTimeout` can wait, in milliseconds. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

interface Pending extends Timer {
  readonly call: () => void
  /** When it is due, in the time of this clock. */
  readonly due: number
  /** The timer of the clock below; undefined once it was called or cleared. */
  below: Timer | undefined
}

/**
 * A clock that counts only the time in which the process runs. After SIGSTOP and SIGCONT, a laptop's sleep or a long
 * collection of garbage, every deadline is later by the gap: nothing that others did meanwhile has been read yet.
 *
 * While a timer waits, it looks at the clock below every 250 ms. When the last look is longer ago than that and a second,
 * the time since then does not count. Timers that come due in between wait for the rest of their time.
 */
export class RunningClock implements Clock {
  readonly #below: Clock
  /** Milliseconds that did not count. */
  #skipped = 0
  /** The time of the clock below at the last look. */
  #looked = 0
  #waiting = 0
  /** The timer of the next look; none while no timer waits, so that it never keeps a process alive. */
  #beat: Timer | undefined

  /** @param below monotonic; may go on while the process does not */
  constructor(below: Clock) {
    this.#below = below
  }

  now(): number {
    const now = this.#below.now()
    if (this.#beat && now - this.#looked > BEAT_MS + GAP_MS) this.#skipped += now - this.#looked
    this.#looked = now
    return now - this.#skipped
  }

  setTimeout(call: () => void, ms: number): Timer {
    const timer: Pending = { call, due: this.now() + ms, below: undefined }
    this.#arm(timer, ms)
    if (this.#waiting++ === 0) this.#lookLater()
    return timer
  }

  clearTimeout(timer: Timer | undefined): void {
    const pending = timer as Pending | undefined
    if (!pending?.below) return
    this.#below.clearTimeout(pending.below)
    this.#settle(pending)
  }

  #arm(timer: Pending, ms: number): void {
    timer.below = this.#below.setTimeout(() => this.#onDue(timer), Math.min(ms, MAX_TIMEOUT_MS))
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
    this.#below.clearTimeout(this.#beat)
    this.#beat = undefined
  }

  #lookLater(): void {
    this.#beat = this.#below.setTimeout(() => {
      this.now()
      this.#lookLater()
    }, BEAT_MS)
  }
}

/** The machine's own time, as far as this process ran in it. */
export const systemClock: Clock = new RunningClock({
  now: () => performance.now(),
  setTimeout: (call, ms) => setTimeout(call, ms),
  clearTimeout: timer => clearTimeout(timer as NodeJS.Timeout | undefined),
})
