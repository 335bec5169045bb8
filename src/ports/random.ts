/** Randomness is injected: `random` returns a number from 0 to below 1, so that tests control it. */

/** Returns the items in random order. */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const mixed = [...items]
  for (let at = mixed.length - 1; at > 0; at--) {
    const other = Math.min(at, Math.floor(random() * (at + 1)))
    const item = mixed[at]!
    mixed[at] = mixed[other]!
    mixed[other] = item
  }
  return mixed
}
