const FIRST = 15_000
const MOST = 30 * 60_000

/**
 * Milliseconds until a tracker is asked again after so many failures in a row (at least 1): 15 s,
 * doubling to 30 minutes, shortened by up to a tenth so that clients don't come in step.
 * Depends on: the number of failures, and chance (0 <= random < 1).
 */
export function retryDelay(failures: number, random: number): number {
  return Math.min(MOST, FIRST * 2 ** Math.min(failures - 1, 20)) * (1 - random / 10)
}
