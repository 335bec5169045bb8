/** The state of a reader that decides whether it keeps its slot. */
export interface Contender {
  readonly group: string
  /** Bytes that its client received since the last review. */
  readonly taken: number
  /** True while it waits for its client, rather than for the torrent. */
  readonly waitsForClient: boolean
}

/** Bytes per second that a client has to read while requests wait for a reader. */
export const MIN_READ_RATE = 4096

/**
 * Finds the readers that lose their slots to waiting requests, and the reason: at most one reader for each request.
 *
 * Inputs: the readers and what their clients took, the address groups of the requests, the time in seconds.
 *
 * Readers of clients that do not read come first. Then, for a request of a group that has fewer readers, the slowest
 * reader of the group that has the most: many slow readers of one address cannot hold all slots.
 */
export function findOverdrawn<C extends Contender>(
  readers: readonly C[],
  waiting: readonly { readonly group: string }[],
  seconds: number,
): { slot: C; reason: string }[] {
  const found: { slot: C; reason: string }[] = []
  const kept = [...readers].sort((a, b) => a.taken - b.taken)
  const counts = new Map<string, number>()
  for (const { group } of kept) counts.set(group, (counts.get(group) ?? 0) + 1)
  for (const { group } of waiting) {
    const idle = kept.find(({ waitsForClient, taken }) => waitsForClient && taken < MIN_READ_RATE * seconds)
    const own = counts.get(group) ?? 0
    // At least two more: with one more, two groups would take the same slot from each other again and again.
    const greedy = kept.find(other => counts.get(other.group)! >= own + 2 && isLargest(counts, other.group))
    const slot = idle ?? greedy
    if (!slot) continue
    kept.splice(kept.indexOf(slot), 1)
    counts.set(slot.group, counts.get(slot.group)! - 1)
    counts.set(group, own + 1)
    const reason =
      slot === idle
        ? `its client ${slot.group} took ${slot.taken} bytes in ${Math.round(seconds)} s while others waited`
        : `its client ${slot.group} has more readers than ${group}, which waited`
    found.push({ slot, reason })
  }
  return found
}

function isLargest(counts: ReadonlyMap<string, number>, group: string): boolean {
  return counts.get(group) === Math.max(...counts.values())
}
