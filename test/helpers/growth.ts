/** Number of runs of each size. With three, all runs of one size could be disturbed. */
const RUN_COUNT = 8

/** Returns the CPU time of `work` in milliseconds, without that of other processes. */
function cpuOf(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/**
 * How many times more CPU a work of four times the size takes, by the least of several runs: 4 where the cost is
 * proportional to the size, 16 where it is its square. @param size large enough that the work takes a few milliseconds
 */
export function growth(work: (size: number) => void, size: number): number {
  work(size) // so that both are compiled
  let [small, large] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  // In turn, so that a slow moment of the machine or a collection of garbage falls on both.
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

/** What `growth` may be of work with a cost proportional to its size, or a little more. */
export const PROPORTIONAL_RATIO = 9
