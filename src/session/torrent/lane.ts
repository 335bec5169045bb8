/** Runs tasks one after the other, in the order in which they were added. */
export class Lane {
  #last: Promise<unknown> = Promise.resolve()

  /** Calls `work` when all earlier tasks have ended, and settles as it does. */
  add<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => {})
    return result
  }

  /** Resolves when all tasks that were added so far have ended. */
  async settled(): Promise<void> {
    await this.#last
  }
}
