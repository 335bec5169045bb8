/** Slots to begin with while nothing is known of our upload. */
const FIRST = 8
const FEWEST = 4
const MOST = 100

export interface UploadRound {
  /** What the user lets us upload, in bytes a second. @default none */
  readonly limit?: number | undefined
  /** What we upload to all peers together, in bytes a second. */
  readonly rate: number
  /** How many slots there are now. @default none yet */
  readonly slots?: number | undefined
}

/**
 * How many peers to unchoke at once: 4 to 100. Asked every ten seconds.
 *
 * Depends on: the upload limit, or without one our upload rate and how many slots there are.
 *
 * The curve is the square root of 0.6 times the KiB/s: 8 slots for 100 KiB/s, 25 for 1 MiB/s. The more there
 * is to give, the more peers get of it, and the more each of them gets. It is the mainline client's curve for a
 * limit, and nearly what libtorrent's rate-based choker comes to, which wants each further slot to carry 2 KiB/s more.
 *
 * A limit is what the user means to give, so its slots are there at once. Without one, we follow what we do
 * give, a slot at a time, never below the 8 we began with: a rate that is low because nobody wants anything
 * must not be kept low. One slot too many is kept, so that a rate on the border does not choke a peer every time.
 */
export function uploadSlots({ limit = Number.POSITIVE_INFINITY, rate, slots }: UploadRound): number {
  if (limit < Number.POSITIVE_INFINITY) return curve(limit, FEWEST)
  if (slots === undefined) return FIRST
  const enough = curve(rate, FIRST)
  if (slots < enough) return slots + 1
  return slots > enough + 1 ? slots - 1 : slots
}

function curve(rate: number, fewest: number): number {
  return Math.max(fewest, Math.min(MOST, Math.round(Math.sqrt((rate / 1024) * 0.6))))
}
