interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** Readers that wait for pieces. */
export class PieceWaiters {
  /** Undefined while there are none. */
  #waiting: Map<number, Waiter[]> | undefined
  #failure: Error | undefined

  /** Resolves once this piece has arrived. Rejects with the error that ended the wait. */
  wait(index: number): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      this.#waiting ??= new Map()
      const waiting = this.#waiting.get(index) ?? []
      waiting.push({ resolve, reject })
      this.#waiting.set(index, waiting)
    })
  }

  /** Wakes the readers that wait for this piece. */
  wake(index: number): void {
    for (const { resolve } of this.#waiting?.get(index) ?? []) resolve()
    this.#waiting?.delete(index)
    if (this.#waiting?.size === 0) this.#waiting = undefined
  }

  /** Rejects current and later waits. */
  end(error: Error): void {
    this.#failure ??= error
    for (const waiters of this.#waiting?.values() ?? []) for (const { reject } of waiters) reject(error)
    this.#waiting = undefined
  }
}
