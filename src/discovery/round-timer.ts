import type { Clock, Timer } from '../ports/clock.ts'

/** The timer of the next round of announces. */
export class RoundTimer {
  readonly #clock: Clock
  readonly #onDue: () => void
  #timer: Timer | undefined
  #dueTime = Number.POSITIVE_INFINITY
  #earliest = Number.POSITIVE_INFINITY

  /** @param onDue called when the round is due */
  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  /** The clock time of the next round; Infinity for none. */
  get at(): number {
    return this.#dueTime
  }

  /** Sets the clock time of the next round, and the earliest time that `bringForward` may move it to. Infinity means none. */
  set(at: number, earliest = Number.POSITIVE_INFINITY): void {
    this.clear()
    this.#dueTime = at
    this.#earliest = earliest
    if (at === Number.POSITIVE_INFINITY) return
    this.#timer = this.#clock.setTimeout(this.#onDue, Math.max(0, at - this.#clock.now()))
  }

  /** Moves the round to the earliest allowed time. */
  bringForward(): void {
    if (this.#earliest < this.#dueTime) this.set(this.#earliest, this.#earliest)
  }

  /** Moves the round to a clock time, if that is earlier. */
  setEarlier(at: number): void {
    if (at < this.#dueTime) this.set(at, Math.min(at, this.#earliest))
  }

  /** Cancels the next round. */
  clear(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#dueTime = this.#earliest = Number.POSITIVE_INFINITY
  }
}
