import { cpuTime } from './cpu-time.ts'

/** Number of runs of each size. With three, all runs of one size could be disturbed. */
const RUN_COUNT = 8

/** Returns the CPU time of `work` in milliseconds, without that of other processes. */
function cpuOf(work: () => void): number {
  const before = cpuTime()
  work()
  return cpuTime() - before
}

/**
 * Returns the factor by which the CPU time of `work` grows for four times the size, from the minimum of several runs.
 * It is 4 for a cost that is proportional to the size, and 16 for the square of the size.
 * @param size so large that the work takes a few milliseconds
 */
export function growth(work: (size: number) => void, size: number): number {
  work(size) // compiles both
  let [small, large] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  // In turns, so that a disturbance of the machine or a garbage collection affects both.
  for (let run = 0; run < RUN_COUNT; run++) {
    small = Math.min(
      small,
      cpuOf(() => work(size)),
    )
    large = Math.min(
      large,
      cpuOf(() => work(4 * size)),
    )
  }
  return large / Math.max(0.1, small)
}

/** The maximum of `growth` for work with a cost that is about proportional to its size. */
export const PROPORTIONAL_RATIO = 9
