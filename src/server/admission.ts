import { addressBytes } from '../codec/compact.ts'

/** What admission knows of a connection. */
export interface Admitted {
  /** The group of the client's address, see `addressKey`. */
  readonly group: string
  /** Whether one of its requests has passed the gate. */
  readonly authenticated: boolean
  /** Whether a request of it is being answered, or waits for that; counts once it is authenticated. */
  readonly busy: boolean
  /** When it was accepted, or last sent a request or took bytes: milliseconds of the clock. */
  readonly lastActive: number
}

export interface ConnectionLimits {
  /** Connections at most. */
  readonly total: number
  /** Connections at most of one address group. */
  readonly perGroup: number
}

/** Milliseconds after which a response that the client does not read counts as idle, if its place is needed. */
export const STALLED_RESPONSE_MS = 20_000
/** Connections of one address group, unless the options say otherwise. */
const MAX_PER_GROUP = 32
/** The same for loopback, where all clients of a reverse proxy come from one address. */
const MAX_PER_LOOPBACK_ADDRESS = 128

/** The quota of an address group that the options name no quota for. */
export function defaultQuota(group: string): number {
  return group === '::/64' || addressBytes(group)?.[0] === 127 ? MAX_PER_LOOPBACK_ADDRESS : MAX_PER_GROUP
}

/**
 * Decides on a newcomer before it has said anything: it is admitted, refused, or takes the place of the connection
 * that is returned.
 *
 * Depends on: the connections, the newcomer's address group, the limits, the time.
 *
 * Idle connections give way in this order: without authentication before with it; of the group with the most
 * connections; the longest idle. After them come responses that their clients have stopped reading. A connection
 * that makes progress never gives way.
 */
export function admit<C extends Admitted>(
  connections: Iterable<C>,
  group: string,
  { total, perGroup }: ConnectionLimits,
  now: number,
): C | 'admit' | 'refuse' {
  const all = [...connections]
  const counts = new Map<string, number>()
  for (const { group } of all) counts.set(group, (counts.get(group) ?? 0) + 1)
  const atQuota = (counts.get(group) ?? 0) >= perGroup
  if (!atQuota && all.length < total) return 'admit'
  const rivals = atQuota ? all.filter(connection => connection.group === group) : all
  const [victim] = rivals
    .filter(connection => rank(connection, now) < KEPT)
    .sort(
      (a, b) =>
        rank(a, now) - rank(b, now) ||
        counts.get(b.group)! - counts.get(a.group)! ||
        a.lastActive - b.lastActive,
    )
  return victim ?? 'refuse'
}

const KEPT = 3

/** Lower gives way first. */
function rank({ busy, authenticated, lastActive }: Admitted, now: number): number {
  if (!authenticated) return 0
  if (!busy) return 1
  return now - lastActive >= STALLED_RESPONSE_MS ? 2 : KEPT
}
