/** Runs a computation in steps, synchronously or without blocking the event loop. */
import { setImmediate } from 'node:timers/promises'
import type { Steps } from '../codec/bencode-scan.ts'

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
