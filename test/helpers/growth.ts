/** Milliseconds of CPU that `work` takes: what other processes of the machine do is not in it. */
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
  const least = (size: number) => Math.min(...Array.from({ length: 3 }, () => cpuOf(() => work(size))))
  work(size) // so that both are compiled
  return least(4 * size) / Math.max(0.1, least(size))
}

/** What `growth` may be of work with a cost proportional to its size, or a little more. */
export const PROPORTIONAL = 9
