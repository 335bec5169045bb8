/** Runs works one after the other, in the order in which they came. */
export class Lane {
  #last: Promise<unknown> = Promise.resolve()

  /** Settles as `work` does, which is called when all before it have ended. */
  add<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => {})
    return result
  }

  /** Resolves when all works that were added so far have ended. */
  async settled(): Promise<void> {
    await this.#last
  }
}
