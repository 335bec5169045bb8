/** The delay after the first failure, and the maximum, in milliseconds. */
const FIRST_RETRY_MS = 15_000
const MAX_RETRY_MS = 30 * 60_000

/**
 * Returns the milliseconds until a tracker is asked again after failures in a row (at least 1): 15 s, doubling to 30
 * minutes, shortened by up to a tenth, so that clients do not synchronize.
 * Inputs: the number of failures, and a random number from 0 to below 1.
 */
export function retryDelay(failures: number, random: number): number {
  return Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 20)) * (1 - random / 10)
}
