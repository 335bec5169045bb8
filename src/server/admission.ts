import { addressBytes } from '../codec/address-bytes.ts'

/** The state of a connection that admission depends on. */
export interface Admitted {
  /** The group of the client's address, see `addressKey`. */
  readonly group: string
  /** True once one of its requests was allowed. */
  readonly authenticated: boolean
  /** True while one of its requests is answered or waits; counts only if it is authenticated. */
  readonly busy: boolean
  /** When it was accepted, sent its last request, or last took bytes: milliseconds of the clock. */
  readonly lastActive: number
}

/** Limits on the connections of a server. */
export interface ConnectionLimits {
  /** Maximum number of connections. */
  readonly total: number
  /** Maximum number of connections of one address group. */
  readonly perGroup: number
}

/** Milliseconds after which a connection counts as stalled if its client does not read the response. */
export const STALLED_RESPONSE_MS = 20_000
/** Maximum number of connections by default. */
export const MAX_CONNECTIONS = 1280
/** Maximum number of connections of one address group by default. */
const MAX_PER_GROUP = 32
/** The same for loopback, where all clients of a reverse proxy come from one address. */
const MAX_PER_LOOPBACK_ADDRESS = 1024

/** The default quota of an address group. */
export function defaultQuota(group: string): number {
  return group === '::/64' || addressBytes(group)?.[0] === 127 ? MAX_PER_LOOPBACK_ADDRESS : MAX_PER_GROUP
}

/**
 * Decides on a new connection before its first byte is read: it is admitted, refused, or replaces the connection that is
 * returned.
 *
 * Inputs: the connections, the address group of the new one, the limits, the time.
 *
 * Idle connections are replaced first: unauthenticated ones before others, then those of the group with the most
 * connections, then the longest idle. After them come stalled ones: their clients have stopped reading. A connection
 * that makes progress is never replaced.
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
    .filter(connection => rank(connection, now) < NEVER_REPLACED)
    .sort(
      (a, b) =>
        rank(a, now) - rank(b, now) ||
        counts.get(b.group)! - counts.get(a.group)! ||
        a.lastActive - b.lastActive,
    )
  return victim ?? 'refuse'
}

const NEVER_REPLACED = 3

/** Returns the rank of a connection for replacement: the lowest is replaced first. */
function rank({ busy, authenticated, lastActive }: Admitted, now: number): number {
  if (!authenticated) return 0
  if (!busy) return 1
  return now - lastActive >= STALLED_RESPONSE_MS ? 2 : NEVER_REPLACED
}
