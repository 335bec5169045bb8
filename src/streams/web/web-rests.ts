/** Milliseconds until a web seed is used again after a failure, doubled with each further one, and the limits. */
const RETRY_MS = 5_000
const MIN_RETRY_MS = 1_000
const MAX_RETRY_MS = 3_600_000
/** Failed files in a row after which the web seed rests, and milliseconds of that rest, doubled each time. */
export const MAX_MISSES = 10
const MISSES_MS = 60_000
/** Milliseconds until it is used again after wrong bytes, doubled each time, and the maximum. */
const BAN_MS = 3_600_000
const MAX_BAN_MS = 24 * 3_600_000

/**
 * Decides when a web seed is used again.
 *
 * Inputs: its failures since the last block; failed files in a row; wrong bytes; the time that the server names; the time.
 * Every rest ends.
 */
export class WebRests {
  #until: number | undefined
  #banned = false
  #failures = 0
  #misses = 0
  #missRests = 0
  #bans = 0

  get isResting(): boolean {
    return this.#until !== undefined
  }

  /** Clock time at which the rest ends; undefined without one. */
  get until(): number | undefined {
    return this.#until
  }

  /** @param after milliseconds, if the server named a time. @returns true if a rest begins */
  begin(now: number, after: number | undefined): boolean {
    if (this.#until !== undefined) return false
    const ms = after ?? doubled(RETRY_MS, this.#failures++)
    this.#until = now + Math.max(MIN_RETRY_MS, Math.min(MAX_RETRY_MS, ms))
    return true
  }

  /** Counts a file that the server did not send. @returns true if a rest begins */
  countMiss(now: number): boolean {
    if (++this.#misses < MAX_MISSES || this.#until !== undefined) return false
    this.#misses = 0
    this.#until = now + Math.min(MAX_RETRY_MS, doubled(MISSES_MS, this.#missRests++))
    return true
  }

  /** Counts wrong bytes of the server. @returns true if a rest begins */
  ban(now: number): boolean {
    if (this.#banned) return false
    this.#banned = true
    this.#until = now + Math.min(MAX_BAN_MS, doubled(BAN_MS, this.#bans++))
    return true
  }

  /** Forgets the failures before a block. */
  onArrival(): void {
    this.#failures = this.#misses = this.#missRests = 0
  }

  /** Ends the rest if it is over. @returns true if it ended */
  endIfDue(now: number): boolean {
    if (this.#until === undefined || now < this.#until) return false
    this.#until = undefined
    this.#banned = false
    return true
  }
}

function doubled(ms: number, times: number): number {
  return ms * 2 ** Math.min(times, 16)
}
