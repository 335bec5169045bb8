interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** Who waits for which piece. */
export class PieceWaiters {
  readonly #waiting = new Map<number, Waiter[]>()
  #failure: Error | undefined

  /** Resolves once this piece has arrived; rejects with what ended the wait. */
  wait(index: number): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(index) ?? []
      waiting.push({ resolve, reject })
      this.#waiting.set(index, waiting)
    })
  }

  arrived(index: number): void {
    for (const { resolve } of this.#waiting.get(index) ?? []) resolve()
    this.#waiting.delete(index)
  }

  /** Nothing arrives any more. */
  end(error: Error): void {
    this.#failure ??= error
    for (const waiters of this.#waiting.values()) for (const { reject } of waiters) reject(error)
    this.#waiting.clear()
  }
}
