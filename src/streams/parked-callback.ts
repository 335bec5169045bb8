import type { Done } from './stage.ts'

/** The callback of a stage that has to wait, for example until its output is read. It is called once. */
export class ParkedCallback {
  #done: Done | undefined

  /** True while a callback waits. */
  get isWaiting(): boolean {
    return this.#done !== undefined
  }

  /** Keeps a callback. There is at most one, since a stage gets its next item only after the callback. */
  park(done: Done): void {
    this.#done = done
  }

  /** Returns the callback and forgets it. */
  take(): Done | undefined {
    const done = this.#done
    this.#done = undefined
    return done
  }

  /** Calls the callback, if one waits. */
  release(error?: Error | null): void {
    this.take()?.(error)
  }
}
