/** The result of a milestone. */
type Outcome<T> = { readonly value: T } | { readonly error: Error }

/**
 * A promise for an event that happens once, or never. A rejection without a handler is no unhandled rejection. The promise is
 * made at its first use, as most of thousands of torrents need none.
 */
export class Milestone<T> {
  #outcome: Outcome<T> | undefined
  #promise: Promise<T> | undefined
  #settle: ((outcome: Outcome<T>) => void) | undefined

  get promise(): Promise<T> {
    this.#promise ??= this.#makePromise()
    return this.#promise
  }

  /** Resolves the promise, unless it has settled. */
  reach(value: T): void {
    this.#end({ value })
  }

  /** Rejects the promise, unless it has settled. */
  miss(error: Error): void {
    this.#end({ error })
  }

  #makePromise(): Promise<T> {
    const promise = new Promise<T>((resolve, reject) => {
      this.#settle = outcome => ('error' in outcome ? reject(outcome.error) : resolve(outcome.value))
    })
    promise.catch(() => {})
    if (this.#outcome) this.#end(this.#outcome)
    return promise
  }

  #end(outcome: Outcome<T>): void {
    this.#outcome ??= outcome
    this.#settle?.(this.#outcome)
    this.#settle = undefined
  }
}
