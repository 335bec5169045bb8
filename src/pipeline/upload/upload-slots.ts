/** Slots before the upload rate is known, and the limits. */
const INITIAL_SLOTS = 8
const MIN_SLOTS = 4
const MAX_SLOTS = 100

/** The inputs of `uploadSlots`. */
export interface UploadRound {
  /** The upload limit in bytes per second. @default none */
  readonly limit?: number | undefined
  /** True if other torrents share the limit. @default false */
  readonly isLimitShared?: boolean
  /** The upload rate to all peers in bytes per second. */
  readonly rate: number
  /** The current number of slots. @default none yet */
  readonly slots?: number | undefined
}

/**
 * Returns the number of peers to unchoke at once, from 4 to 100. Called every ten seconds.
 *
 * Inputs: the upload limit, if other torrents share it, the upload rate and the current number of slots.
 *
 * The curve is the square root of 0.6 times the KiB/s: 8 slots for 100 KiB/s, 25 for 1 MiB/s. A higher
 * rate serves more peers, and each of them faster. It is the mainline client's curve for a limit. libtorrent's rate-based
 * choker, which requires 2 KiB/s more for each further slot, has nearly the same result.
 *
 * A limit gets its slots at once. If it is shared, or there is none, the number then follows the upload rate, one slot at a
 * time. It never falls below the initial 8, since the rate may be low because no peer is interested. One slot too many is
 * kept, so that a rate on the border does not choke a peer in every round.
 */
export function uploadSlots({ isLimitShared, limit, rate, slots }: UploadRound): number {
  const max = limit === undefined || limit === Number.POSITIVE_INFINITY ? undefined : curve(limit, MIN_SLOTS)
  if (max !== undefined && !isLimitShared) return max
  if (slots === undefined) return max ?? INITIAL_SLOTS
  const current = Math.min(slots, max ?? MAX_SLOTS)
  const wanted = Math.min(max ?? MAX_SLOTS, curve(rate, INITIAL_SLOTS))
  if (current < wanted) return current + 1
  return current > wanted + 1 ? current - 1 : current
}

function curve(rate: number, min: number): number {
  return Math.max(min, Math.min(MAX_SLOTS, Math.round(Math.sqrt((rate / 1024) * 0.6))))
}
