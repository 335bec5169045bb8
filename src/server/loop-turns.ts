/**
 * Shares the event loop between long jobs: one step of one job per turn of the loop, in order of asking. However many
 * jobs there are, the loop is blocked for one step.
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
