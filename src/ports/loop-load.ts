import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks'

/** The times of the event loop so far, in milliseconds. */
export interface LoopTimes {
  /** The time in which it ran, and in which it waited for events. */
  readonly busyMs: number
  readonly idleMs: number
  /** The number of timers that were measured, and the sum of their delays. */
  readonly timers: number
  readonly delayMs: number
}

/** Measures how busy the event loop of this thread is, while at least one user needs it. */
export interface LoopLoad {
  /** Begins to measure. Each call needs one of `stop`. */
  start(): void
  stop(): void
  read(): LoopTimes
}

/** Milliseconds between two timers: rare enough to cost nothing. */
const TIMER_INTERVAL_MS = 20

/** The event loop of this thread. Its delays are measured by a timer of Node, which does not run JavaScript. */
class ThreadLoopLoad implements LoopLoad {
  #users = 0
  #histogram: IntervalHistogram | undefined

  start(): void {
    if (this.#users++ > 0) return
    this.#histogram ??= monitorEventLoopDelay({ resolution: TIMER_INTERVAL_MS })
    this.#histogram.enable()
  }

  stop(): void {
    if (--this.#users === 0) this.#histogram?.disable()
  }

  read(): LoopTimes {
    const { active, idle } = performance.eventLoopUtilization()
    const { count = 0, mean = 0 } = this.#histogram ?? {}
    const delay = mean / 1e6 - TIMER_INTERVAL_MS
    return { busyMs: active, idleMs: idle, timers: count, delayMs: count > 0 ? count * delay : 0 }
  }
}

/** The event loop of this thread. */
export const threadLoopLoad: LoopLoad = new ThreadLoopLoad()
