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

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (call, ms) => setTimeout(call, ms),
  clearTimeout: timer => clearTimeout(timer as NodeJS.Timeout | undefined),
}
