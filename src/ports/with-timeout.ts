import type { Clock, Timer } from './clock.ts'

/** Settles as `work` does, or resolves with undefined after `ms` milliseconds. `work` continues in that case. */
export async function withTimeout<T>(clock: Clock, work: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: Timer | undefined
  const timeout = new Promise<undefined>(resolve => {
    timer = clock.setTimeout(() => resolve(undefined), ms)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    clock.clearTimeout(timer)
  }
}
