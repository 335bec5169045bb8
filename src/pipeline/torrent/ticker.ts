import type { Clock, Timer } from '../../ports/clock.ts'

/** Milliseconds between two ticks. */
const TICK_MS = 250

/** Calls its owner a few times per second while it runs. */
export class Ticker {
  readonly #clock: Clock
  readonly #tick: (now: number) => void
  #isRunning = false
  #timer: Timer | undefined

  constructor(clock: Clock, tick: (now: number) => void) {
    this.#clock = clock
    this.#tick = tick
  }

  /** Ticks at once, and again until `stop`. Idempotent. */
  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#run()
  }

  /** Ticks no more. Idempotent. */
  stop(): void {
    this.#isRunning = false
    this.#clock.clearTimeout(this.#timer)
  }

  #run(): void {
    this.#tick(this.#clock.now())
    if (this.#isRunning) this.#timer = this.#clock.setTimeout(() => this.#run(), TICK_MS)
  }
}
