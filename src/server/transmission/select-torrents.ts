import type { Session } from '../../session/session.ts'
import type { SessionTorrent } from '../../session/session-torrent.ts'
import type { RecentChanges } from './recent-changes.ts'
import { RPC_CODES, RpcError } from './rpc-error.ts'

/** Maximum number of ids or info-hashes in one request. */
const MAX_IDS = 100_000

/**
 * Returns the torrents that `ids` names: a number, an info-hash, a list of either, `recently_active`, or nothing for all.
 * Unknown ones are left out.
 * @throws RpcError for another value
 */
export function selectTorrents(
  session: Session,
  ids: unknown,
  changes: RecentChanges,
): readonly SessionTorrent[] {
  if (ids === undefined) return session.torrents
  if (isRecentlyActive(ids)) return session.torrents.filter(torrent => changes.isActive(torrent))
  const keys: readonly unknown[] = Array.isArray(ids) ? ids : [ids]
  if (keys.length > MAX_IDS) throw new RpcError(RPC_CODES.arguments, `ids: more than ${MAX_IDS}`)
  const found = keys.map(key => {
    if (typeof key === 'string' || Number.isSafeInteger(key)) return session.get(key as string | number)
    throw new RpcError(RPC_CODES.arguments, 'ids: expected numbers and info-hashes')
  })
  return [...new Set(found)].filter(torrent => torrent !== undefined)
}

/** True if `ids` stands for the torrents that were active lately. */
export function isRecentlyActive(ids: unknown): boolean {
  return ids === 'recently-active' || ids === 'recently_active'
}
