/** A promise for an event that happens once, or never. A rejection without a handler is no unhandled rejection. */
export class Milestone<T> {
  readonly promise: Promise<T>
  #resolve!: (value: T) => void
  #reject!: (error: Error) => void

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.promise.catch(() => {})
  }

  /** Resolves the promise, unless it has settled. */
  reach(value: T): void {
    this.#resolve(value)
  }

  /** Rejects the promise, unless it has settled. */
  miss(error: Error): void {
    this.#reject(error)
  }
}
