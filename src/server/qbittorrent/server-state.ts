import { rateLimitOf } from '../../session/torrent/session-rates.ts'
import { freeSpaceFor } from '../api/free-space-for.ts'
import { isReachable } from '../api/is-reachable.ts'
import type { QbittorrentContext } from './qbittorrent-context.ts'

/** Milliseconds between two requests of a page, as qBittorrent advises. */
const REFRESH_INTERVAL_MS = 1500

/** The transfers of all torrents together. */
interface TransferTotals {
  /** Bytes per second. */
  downSpeed: number
  upSpeed: number
  peers: number
}

/** Returns the sums over all running torrents. Each reads its progress once. */
function sumTransfers(torrents: QbittorrentContext['session']['torrents']): TransferTotals {
  const sum = { downSpeed: 0, upSpeed: 0, peers: 0 }
  for (const torrent of torrents) {
    if (!torrent.isRunning) continue
    const { downSpeed, peers, upSpeed } = torrent.progress
    sum.downSpeed += downSpeed
    sum.upSpeed += upSpeed
    sum.peers += peers
  }
  return sum
}

/** Describes the transfers of all torrents as `transfer/info` does. Rates are in bytes per second, 0 for no limit. */
export function readTransferInfo(context: QbittorrentContext) {
  return describeTransfers(context, sumTransfers(context.session.torrents))
}

async function describeTransfers(
  { client, session, totalsBefore }: QbittorrentContext,
  { downSpeed, upSpeed }: TransferTotals,
) {
  const { settings, totals } = session
  const listener = await client.listen().catch(() => undefined)
  const limitOf = (direction: 'down' | 'up') => {
    const { enabled, value } = rateLimitOf(settings, direction)
    return enabled ? Math.round(value) : 0
  }
  return {
    connection_status: isReachable(session) ? 'connected' : listener ? 'firewalled' : 'disconnected',
    dl_info_data: totals.downloaded - totalsBefore.downloaded,
    dl_info_speed: Math.round(downSpeed),
    dl_rate_limit: limitOf('down'),
    up_info_data: totals.uploaded - totalsBefore.uploaded,
    up_info_speed: Math.round(upSpeed),
    up_rate_limit: limitOf('up'),
  }
}

/** Describes the server as `sync/maindata` does. */
export async function readServerState(context: QbittorrentContext) {
  const { freeSpaceAt, session } = context
  const sum = sumTransfers(session.torrents)
  const transfers = await describeTransfers(context, sum)
  const space = await freeSpaceFor(session.settings.directory, freeSpaceAt).catch(() => undefined)
  const { settings, totals } = session
  return {
    ...transfers,
    alltime_dl: totals.downloaded,
    alltime_ul: totals.uploaded,
    free_space_on_disk: space?.free ?? 0,
    global_ratio: (totals.uploaded / Math.max(1, totals.downloaded)).toFixed(2),
    queueing: settings.downloadQueue.enabled || settings.seedQueue.enabled,
    refresh_interval: REFRESH_INTERVAL_MS,
    total_peer_connections: sum.peers,
    use_alt_speed_limits: settings.alternative.enabled,
    use_subcategories: false,
  }
}
