import type { Clock, Timer } from '../ports/clock.ts'

/** Number of rounds that begin at once after a pause, and milliseconds between two rounds beyond that. */
const BURST_ANNOUNCES = 50
const INTERVAL_MS = 40

interface AnnounceWaiter {
  readonly signal: AbortSignal
  readonly begin: () => void
}

/**
 * Spreads the announces of many torrents over time, so that a client that starts with thousands of torrents neither floods its
 * trackers nor opens thousands of sockets. Their later announces stay spread, as each is due an interval after the last.
 *
 * Inputs: the announces in the order of their requests; the time.
 */
export class AnnouncePacer {
  readonly #clock: Clock
  readonly #waiting: AnnounceWaiter[] = []
  #timer: Timer | undefined
  /** The time from which all of the burst is available. */
  #freeAt = Number.NEGATIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Returns undefined if an announce may be sent now, or a promise that resolves when it may, or when the signal was aborted. */
  takeTurn(signal: AbortSignal): Promise<void> | undefined {
    const now = this.#clock.now()
    if (this.#waiting.length === 0 && this.#delay(now) <= 0) {
      this.#take(now)
      return undefined
    }
    return new Promise(begin => {
      this.#waiting.push({ signal, begin })
      this.#schedule(now)
    })
  }

  /** Milliseconds until the next turn. */
  #delay(now: number): number {
    return this.#freeAt - now - (BURST_ANNOUNCES - 1) * INTERVAL_MS
  }

  #take(now: number): void {
    this.#freeAt = Math.max(this.#freeAt, now) + INTERVAL_MS
  }

  #schedule(now: number): void {
    if (this.#timer || this.#waiting.length === 0) return
    this.#timer = this.#clock.setTimeout(() => this.#onDue(), Math.max(0, this.#delay(now)))
  }

  #onDue(): void {
    this.#timer = undefined
    const now = this.#clock.now()
    while (this.#waiting.length > 0) {
      const isOver = this.#waiting[0]!.signal.aborted
      if (!isOver && this.#delay(now) > 0) break
      if (!isOver) this.#take(now)
      this.#waiting.shift()!.begin()
    }
    this.#schedule(now)
  }
}
