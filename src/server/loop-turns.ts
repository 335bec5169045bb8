/**
 * Shares the event loop between long jobs: one job does one step in each turn of the loop, in the order of their calls.
 * However many jobs there are, they block the loop for one step at a time.
 */
export class LoopTurns {
  #waiting: (() => void)[] = []
  #scheduled = false

  /** Resolves in a turn of the event loop that no other job uses. */
  next(): Promise<void> {
    return new Promise(resolve => {
      this.#waiting.push(resolve)
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#waiting.shift()?.()
      this.#schedule()
    })
  }
}
