/** How a computation in steps is run: to its end at once, or in turns with everything else that the process does. */
import { setImmediate } from 'node:timers/promises'
import type { Steps } from '../codec/bencode-scan.ts'

/** Runs all steps now. */
export function runAtOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}

/** Runs a step in each turn of the event loop. */
export async function runInTurns<Result>(steps: Steps<Result>): Promise<Result> {
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
    await setImmediate()
  }
}
