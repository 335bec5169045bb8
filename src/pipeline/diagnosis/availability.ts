import type { Bitfield } from '../../codec/bitfield.ts'

/**
 * Returns how often the missing pieces exist among the connected peers: the copies of the rarest one, and as a fraction the part of
 * the wanted pieces that have one more copy. Pieces that we have count as copies. So it is below 1 if a missing piece has no copy.
 */
export function computeAvailability(
  wanted: Bitfield,
  verified: Bitfield,
  countCopies: (index: number) => number,
): number {
  let minimum = Number.POSITIVE_INFINITY
  let rarest = 0
  for (const index of wanted) {
    const copies = countCopies(index) + (verified.has(index) ? 1 : 0)
    if (copies < minimum) {
      minimum = copies
      rarest = 0
    }
    if (copies === minimum) rarest++
  }
  return wanted.count === 0 ? 0 : minimum + 1 - rarest / wanted.count
}
