/** Adds up the time in which something waits. It costs nothing while that does not change. */
export class WaitTime {
  #total = 0
  /** The time since which it waits; undefined while it does not. */
  #since: number | undefined

  /** Notes that it begins to wait, or waits no more. Idempotent. @param now milliseconds */
  set(isWaiting: boolean, now: number): void {
    if (isWaiting === (this.#since !== undefined)) return
    if (this.#since !== undefined) this.#total += now - this.#since
    this.#since = isWaiting ? now : undefined
  }

  /** Returns the milliseconds so far. They never decrease. */
  read(now: number): number {
    return this.#since === undefined ? this.#total : this.#total + now - this.#since
  }
}
