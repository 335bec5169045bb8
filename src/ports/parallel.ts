/**
 * Calls `work` with each item, at most `limit` at once. After a failure it calls `work` no more, waits for the calls that
 * run, and rejects with the first error.
 */
export async function forEachInParallel<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]()
  const failures: unknown[] = []
  const lane = async (first: IteratorResult<T>) => {
    for (let next = first; !next.done && failures.length === 0; next = rest.next()) {
      await work(next.value).catch(error => failures.push(error))
    }
  }
  const lanes: Promise<void>[] = []
  // start no lane without an item: most pieces lie in one file
  for (let next = rest.next(); !next.done; next = rest.next()) {
    lanes.push(lane(next))
    if (lanes.length === limit) break
  }
  await Promise.all(lanes)
  if (failures.length > 0) throw failures[0]
}
