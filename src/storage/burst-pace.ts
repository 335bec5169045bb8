/** Minimum time between the ends of two bursts, milliseconds, so that fast writes cost few stats. */
const BURST_MS = 5
/** The same while writes follow each other at once, when the time between two bursts is too short to see changes in it. */
const MAX_BURST_MS = 80
/** The longest time between the end of a burst and the next write that follows at once, milliseconds. */
const CLOSE_GAP_MS = 2.5

/**
 * Decides when a burst of writes to a file ends. Bursts get longer while writes follow each other at once.
 *
 * Inputs: the times of the begin and the end of each burst, milliseconds, monotonic.
 */
export class BurstPace {
  /** Time of the end of the last burst. */
  #endedAt = Number.NEGATIVE_INFINITY
  /** Minimum time between the ends of two bursts now, milliseconds. */
  #burstMs = BURST_MS

  /** The time after which a burst ends that could not end with its last write, milliseconds. */
  get delayMs(): number {
    return this.#burstMs
  }

  /** Notes that a burst begins. */
  noteBegin(now: number): void {
    const isClose = now - this.#endedAt < CLOSE_GAP_MS
    this.#burstMs = isClose ? Math.min(2 * this.#burstMs, MAX_BURST_MS) : BURST_MS
  }

  /** Notes that a burst ends. */
  noteEnd(now: number): void {
    this.#endedAt = now
  }

  /** True if a burst may end with the write that has just ended. */
  mayEnd(now: number): boolean {
    return now - this.#endedAt >= this.#burstMs
  }
}
