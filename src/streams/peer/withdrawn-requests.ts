/** Minimum milliseconds for which the block of a withdrawn request is remembered; the maximum is twice that. */
const MEMORY_MS = 60_000
/** Maximum blocks that are remembered for one such period. More end the period early. */
const MAX_BLOCKS = 2048

/**
 * The withdrawn requests to one peer, which it may still answer.
 *
 * A peer with the fast extension answers each request exactly once, with the block or a reject, also after
 * a cancel (BEP 6). Others may answer late or never. After two minutes at most, only their number is remembered.
 */
export class WithdrawnRequests {
  /** The number of unanswered requests for each block, of this period and of the previous one. */
  #recent = new Map<number, number>()
  #older = new Map<number, number>()
  #since = Number.NEGATIVE_INFINITY
  /** The number of unanswered requests for forgotten blocks. */
  #forgotten = 0

  get empty(): boolean {
    return this.#recent.size === 0 && this.#older.size === 0
  }

  /** Adds a request for this block that was withdrawn, or is repeated. */
  add(key: number): void {
    if (this.#recent.size >= MAX_BLOCKS) this.#turn()
    this.#recent.set(key, (this.#recent.get(key) ?? 0) + 1)
  }

  /** Returns how many answers for this block may still come. */
  count(key: number): number {
    return (this.#older.get(key) ?? 0) + (this.#recent.get(key) ?? 0)
  }

  /** Removes the oldest request for an answered block. @returns true if there was one */
  settle(key: number): boolean {
    const requests = this.#older.has(key) ? this.#older : this.#recent
    const count = requests.get(key)
    if (count === undefined) return false
    if (count > 1) requests.set(key, count - 1)
    else requests.delete(key)
    return true
  }

  /** Settles a block without a known request. @returns true if it may answer a forgotten request */
  settleForgotten(): boolean {
    if (this.#forgotten === 0) return false
    this.#forgotten--
    return true
  }

  /** Forgets old requests. Called several times a second. */
  tick(now: number): void {
    if (now - this.#since < MEMORY_MS) return
    this.#since = now
    if (!this.empty) this.#turn()
  }

  #turn(): void {
    for (const count of this.#older.values()) this.#forgotten += count
    this.#older = this.#recent
    this.#recent = new Map()
  }
}
