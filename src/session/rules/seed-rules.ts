import { checkArgument } from '../../codec/check-arguments.ts'

/** What a torrent has shared. Times are in milliseconds. */
export interface Shared {
  /** Bytes sent for each byte received. */
  readonly ratio: number
  /** The time since the last byte was sent, or since sharing began. */
  readonly idleTime: number
  /** The time of sharing in all runs. */
  readonly seedingTime: number
}

/** The limits at which a torrent stops sharing; undefined for none. */
export interface SeedLimits {
  readonly ratio: number | undefined
  readonly idleTime: number | undefined
  readonly seedingTime: number | undefined
}

/** Names of the rule that ends sharing. */
export type SeedRule = 'ratio' | 'idle' | 'time'

/** A limit of one torrent: the session's, its own, or none. */
interface OwnRule {
  readonly mode: 'session' | 'own' | 'none'
  readonly value: number
}

/** A limit of the session. */
interface SessionRule {
  readonly enabled: boolean
  readonly value: number
}

/** Returns the limit that holds for a torrent, if any. */
export function seedLimit(own: OwnRule, session: SessionRule): number | undefined {
  if (own.mode === 'own') return own.value
  return own.mode === 'session' && session.enabled ? session.value : undefined
}

/**
 * Returns the rule that ends sharing, or undefined while it continues.
 *
 * Inputs: how much was shared, and the limits that hold.
 */
export function endOfSharing(shared: Shared, limits: SeedLimits): SeedRule | undefined {
  checkArgument('shared', shared, 'object')
  checkArgument('limits', limits, 'object')
  if (limits.ratio !== undefined && shared.ratio >= limits.ratio) return 'ratio'
  if (limits.idleTime !== undefined && shared.idleTime >= limits.idleTime) return 'idle'
  if (limits.seedingTime !== undefined && shared.seedingTime >= limits.seedingTime) return 'time'
  return undefined
}
