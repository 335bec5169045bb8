import type { Clock, Timer } from '../../ports/clock.ts'

/** Minimum milliseconds between two ticks. */
const TICK_MS = 250

/** Calls its owner a few times per second while there is something to do. */
export class Ticker {
  readonly #clock: Clock
  readonly #tick: (now: number) => number
  #isRunning = false
  /** The time of the next tick; Infinity without one. */
  #due = Number.POSITIVE_INFINITY
  #timer: Timer | undefined

  /** @param tick returns the milliseconds until it has something to do; Infinity for nothing before `wake` */
  constructor(clock: Clock, tick: (now: number) => number) {
    this.#clock = clock
    this.#tick = tick
  }

  /** Ticks at once, and again until `stop`. Idempotent. */
  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#run()
  }

  /** There is something to do: ticks soon, if it runs. */
  wake(): void {
    if (this.#isRunning) this.#schedule(TICK_MS)
  }

  /** Ticks no more. Idempotent. */
  stop(): void {
    this.#isRunning = false
    this.#clear()
  }

  #run(): void {
    this.#clear()
    const wait = this.#tick(this.#clock.now())
    if (this.#isRunning && wait < Number.POSITIVE_INFINITY) this.#schedule(Math.max(TICK_MS, wait))
  }

  /** Ticks after this many milliseconds, unless it does so sooner. */
  #schedule(wait: number): void {
    const due = this.#clock.now() + wait
    if (due >= this.#due) return
    this.#clear()
    this.#due = due
    this.#timer = this.#clock.setTimeout(() => this.#run(), wait)
  }

  #clear(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#due = Number.POSITIVE_INFINITY
  }
}
