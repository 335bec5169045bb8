import { setImmediate } from 'node:timers/promises'

/** A computation in short steps. The caller may run other work between two steps. */
export type Steps<T> = Generator<void, T>

/** Runs all steps synchronously. */
export function runAtOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}

/** Runs one step in each turn of the event loop. */
export async function runInTurns<Result>(steps: Steps<Result>): Promise<Result> {
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
    await setImmediate()
  }
}
