import type { Clock, Timer } from './clock.ts'

/** Settles as `work` does, or resolves with `undefined` when `ms` are over before that; `work` then goes on. */
export async function withTimeout<T>(clock: Clock, work: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: Timer | undefined
  const late = new Promise<undefined>(resolve => {
    timer = clock.setTimeout(() => resolve(undefined), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clock.clearTimeout(timer)
  }
}
