/** Milliseconds until a web seed is asked again after a failure, doubled with each further one; at least, and at most. */
const RETRY_MS = 5_000
const MIN_RETRY_MS = 1_000
const MAX_RETRY_MS = 3_600_000
/** Files one after another that cannot be had until the web seed rests, and for how long, doubled each time. */
export const MAX_MISSES = 10
const MISSES_MS = 60_000
/** Milliseconds until it is asked again after wrong bytes, doubled each time; and at most. */
const BAN_MS = 3_600_000
const MAX_BAN_MS = 24 * 3_600_000

/**
 * When a web seed may be asked again.
 *
 * Depends on: its failures since a block last came, files that could not be had one after another, wrong bytes that it gave;
 * how long the server says to wait; the time. Every rest ends.
 */
export class WebRests {
  #until: number | undefined
  #banned = false
  #failures = 0
  #misses = 0
  #missRests = 0
  #bans = 0

  get resting(): boolean {
    return this.#until !== undefined
  }

  /** @param after milliseconds, if the server named a time. @returns true if a rest begins */
  fail(now: number, after: number | undefined): boolean {
    if (this.#until !== undefined) return false
    const ms = after ?? doubled(RETRY_MS, this.#failures++)
    this.#until = now + Math.max(MIN_RETRY_MS, Math.min(MAX_RETRY_MS, ms))
    return true
  }

  /** Counts a file that the server did not send. @returns true if a rest begins */
  miss(now: number): boolean {
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

  /** A block came: failures before it no longer count. */
  arrived(): void {
    this.#failures = this.#misses = this.#missRests = 0
  }

  /** Ends the rest if it is over. @returns true if it ended */
  end(now: number): boolean {
    if (this.#until === undefined || now < this.#until) return false
    this.#until = undefined
    this.#banned = false
    return true
  }
}

function doubled(ms: number, times: number): number {
  return ms * 2 ** Math.min(times, 16)
}
