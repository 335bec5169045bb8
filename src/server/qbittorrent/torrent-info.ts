import { join } from 'node:path'
import type { SessionTorrent } from '../../session/session-torrent.ts'

/** Seconds that stand for a time that is not known. */
const UNKNOWN_ETA_S = 8_640_000
/** Limits of a torrent that stand for those of the session, and for none. */
const LIMIT_MARKS = { session: -2, none: -1 } as const
const MINUTE_MS = 60_000

type RecordedSeedRule = SessionTorrent['record']['seedRatio']

const seconds = (milliseconds: number) => Math.floor(milliseconds / 1000)
const limitOf = ({ mode, value }: RecordedSeedRule, factor: number) =>
  mode === 'own' ? value / factor : LIMIT_MARKS[mode]
const etaOf = (eta: number | null) => (eta === null ? UNKNOWN_ETA_S : Math.round(eta))

/** Returns the state of a torrent by the names of qBittorrent. A torrent that a seed rule stopped is `pausedUP`. */
function stateOf(torrent: SessionTorrent): string {
  const { error, intent, isComplete, isMoving, isStalled, progress, status } = torrent
  if (error) return 'error'
  if (isMoving) return 'moving'
  const suffix = isComplete ? 'UP' : 'DL'
  if (status === 'stopped') return `paused${suffix}`
  if (status === 'checking' || status === 'waiting') return `checking${suffix}`
  if (status === 'queued') return `queued${suffix}`
  if (status === 'metadata') return 'metaDL'
  if (intent === 'forced') return `forced${suffix}`
  const isIdle = isStalled || (isComplete ? progress.upSpeed : progress.downSpeed) < 1
  return isIdle ? `stalled${suffix}` : isComplete ? 'uploading' : 'downloading'
}

/** Describes a torrent as `torrents/info` does. @param priority its place in the queue, from 1 */
export function describeTorrent(torrent: SessionTorrent, priority: number) {
  const { infoHash, name, progress, record } = torrent
  return {
    added_on: seconds(record.addedAt),
    amount_left: progress.wantedBytes - progress.verifiedBytes,
    category: record.category,
    completed: progress.verifiedBytes,
    completion_on: record.doneAt === 0 ? -1 : seconds(record.doneAt),
    // programs compare it with the save path: the two have to differ
    content_path: join(record.directory, name),
    dl_limit: record.down.enabled ? record.down.value : LIMIT_MARKS.none,
    dlspeed: Math.round(progress.downSpeed),
    downloaded: progress.downloaded,
    eta: etaOf(progress.eta),
    force_start: torrent.intent === 'forced',
    hash: infoHash,
    inactive_seeding_time_limit: limitOf(record.seedIdle, MINUTE_MS),
    infohash_v1: infoHash,
    infohash_v2: '',
    last_activity: seconds(record.activeAt || record.addedAt),
    magnet_uri: record.link ?? `magnet:?xt=urn:btih:${infoHash}`,
    name,
    num_leechs: progress.peers - progress.seeds,
    num_seeds: progress.seeds,
    priority,
    progress: progress.wantedBytes === 0 ? 0 : progress.verifiedBytes / progress.wantedBytes,
    ratio: progress.ratio,
    ratio_limit: limitOf(record.seedRatio, 1),
    save_path: record.directory,
    seeding_time: seconds(progress.seedingTime),
    seeding_time_limit: limitOf(record.seedTime, MINUTE_MS),
    seq_dl: record.sequential,
    size: progress.wantedBytes,
    state: stateOf(torrent),
    tags: record.labels.join(', '),
    time_active: seconds(progress.downloadingTime + progress.seedingTime),
    total_size: progress.size,
    up_limit: record.up.enabled ? record.up.value : LIMIT_MARKS.none,
    uploaded: progress.uploaded,
    upspeed: Math.round(progress.upSpeed),
  }
}

/** Describes a torrent as `torrents/properties` does. */
export function describeProperties(
  { progress, record }: SessionTorrent,
  { comment, pieceLength }: { readonly comment: string; readonly pieceLength: number },
): object {
  return {
    addition_date: seconds(record.addedAt),
    comment,
    completion_date: record.doneAt === 0 ? -1 : seconds(record.doneAt),
    dl_speed: Math.round(progress.downSpeed),
    eta: etaOf(progress.eta),
    nb_connections: progress.peers,
    piece_size: pieceLength,
    pieces_num: record.pieceCount,
    save_path: record.directory,
    seeding_time: seconds(progress.seedingTime),
    share_ratio: progress.ratio,
    time_elapsed: seconds(progress.downloadingTime + progress.seedingTime),
    total_downloaded: progress.downloaded,
    total_size: progress.size,
    total_uploaded: progress.uploaded,
    total_wasted: progress.wasted,
    up_speed: Math.round(progress.upSpeed),
  }
}
