import { Bitfield } from '../../codec/bitfield.ts'
import type { SessionFile } from '../../session/files/torrent-files.ts'
import { parsePieces } from '../../session/torrent/torrent-progress.ts'
import { JsonText } from './json-text.ts'
import { countSources, isReceiving, isSending, listPeers } from './peer-fields.ts'
import { type RpcTorrent, trackersOf } from './rpc-torrent.ts'
import { KILOBYTE_BYTES } from './session-fields.ts'
import { etaOf, metadataPart, ratioOf, statusNumberOf } from './torrent-status.ts'
import { formatTiers } from './tracker-fields.ts'
import type { TrackerTexts } from './tracker-texts.ts'

/** Returns the value of a field of a torrent, or its JSON. */
export type TorrentField = (view: RpcTorrent, reply: ReplyContext) => unknown

/** The values of a reply that fields are computed from. */
export interface ReplyContext {
  /** Milliseconds since 1970. */
  readonly now: number
  readonly isLegacy: boolean
  readonly trackers: TrackerTexts
}

/** The numbers that stand for how much a file is wanted. */
export const PRIORITY_NUMBERS = { low: -1, normal: 0, high: 1 } as const
/** The kind of an error on this machine, rather than of a tracker. */
const LOCAL_ERROR = 3
const LIMIT_MODE_NUMBERS = { session: 0, own: 1, none: 2 } as const
const MINUTE_MS = 60_000

const seconds = (milliseconds: number) => Math.floor(milliseconds / 1000)
const part = (of: number, whole: number) => (whole === 0 ? 0 : of / whole)
const priorityOf = ({ priority }: SessionFile) =>
  priority === 'off' ? PRIORITY_NUMBERS.normal : PRIORITY_NUMBERS[priority]

/** Fields that need the list of files. They are written as JSON at once, because there may be many thousands of files. */
export const FILE_FIELDS: Readonly<Record<string, TorrentField>> = {
  bytes_completed: ({ files }) => listJson(files, ({ completed }) => completed),
  files: ({ files }, { isLegacy }) =>
    listJson(files, ({ completed, endPiece, firstPiece, length, path }) => {
      const pieces = `"begin_piece":${firstPiece},"end_piece":${endPiece}`
      return `{${pieces},${completedKey(isLegacy)}:${completed},"length":${length},"name":${JSON.stringify(path)}}`
    }),
  file_stats: ({ files }, { isLegacy }) =>
    listJson(files, file => {
      const isWanted = file.priority !== 'off'
      return `{${completedKey(isLegacy)}:${file.completed},"priority":${priorityOf(file)},"wanted":${isWanted}}`
    }),
  priorities: ({ files }) => listJson(files, priorityOf),
  wanted: ({ files }, { isLegacy }) =>
    listJson(files, ({ priority }) => (isLegacy ? Number(priority !== 'off') : priority !== 'off')),
}

const completedKey = (isLegacy: boolean) => (isLegacy ? '"bytesCompleted"' : '"bytes_completed"')

function listJson(files: readonly SessionFile[], format: (file: SessionFile) => string | number | boolean) {
  return new JsonText(`[${files.map(format).join()}]`)
}

/** Fields that need the .torrent. */
export const FACT_FIELDS: Readonly<Record<string, TorrentField>> = {
  comment: ({ facts }) => facts.comment,
  creator: ({ facts }) => facts.createdBy,
  date_created: ({ facts }) => facts.creationDate,
  magnet_link: ({ record, facts }) => record.link ?? linkOf(record, record.trackers ?? facts.trackers),
  piece_size: ({ facts }) => facts.pieceLength,
  source: ({ facts }) => facts.source,
  tracker_list: view => formatTiers(trackersOf(view)),
  tracker_stats: (view, { now, trackers }) => trackers.listStats(view, now),
  trackers: (view, { trackers }) => trackers.listTrackers(view),
  webseeds: ({ facts }) => facts.webSeeds,
}

/** Fields that need nothing but the session. */
const PLAIN_FIELDS: Readonly<Record<string, TorrentField>> = {
  activity_date: ({ record }) => seconds(record.activeAt),
  added_date: ({ record }) => seconds(record.addedAt),
  availability: listAvailability,
  bandwidth_priority: ({ record }) => PRIORITY_NUMBERS[record.bandwidthPriority],
  corrupt_ever: ({ progress }) => progress.wasted,
  desired_available: ({ progress: { peers, verifiedBytes, wantedBytes, webSeeds } }) =>
    peers + webSeeds > 0 ? wantedBytes - verifiedBytes : 0,
  done_date: ({ record }) => seconds(record.doneAt),
  download_dir: ({ record }) => record.directory,
  download_limit: ({ record }) => Math.round(record.down.value / KILOBYTE_BYTES),
  download_limited: ({ record }) => record.down.enabled,
  downloaded_ever: ({ progress }) => progress.downloaded,
  edit_date: () => 0,
  error: ({ torrent }) => (torrent.error ? LOCAL_ERROR : 0),
  error_string: ({ torrent }) => torrent.error?.message ?? '',
  eta: etaOf,
  eta_idle: () => -1,
  file_count: ({ record }) => record.fileCount,
  group: ({ record }) => record.group,
  hash_string: ({ torrent }) => torrent.infoHash,
  have_unchecked: () => 0,
  have_valid: ({ progress }) => progress.haveBytes,
  honors_session_limits: ({ record }) => record.honorsSessionLimits,
  id: ({ torrent }) => torrent.id,
  is_finished: ({ record }) => record.isFinished,
  is_private: ({ record }) => record.private,
  is_stalled: ({ torrent }) => torrent.isStalled,
  labels: ({ record }) => (record.category === '' ? record.labels : [record.category, ...record.labels]),
  left_until_done: ({ progress: { verifiedBytes, wantedBytes } }) => wantedBytes - verifiedBytes,
  manual_announce_time: () => 0,
  max_connected_peers: ({ record }) => record.maxPeers,
  metadata_percent_complete: metadataPart,
  name: ({ torrent }) => torrent.name,
  peer_limit: ({ record }) => record.maxPeers,
  peers: listPeers,
  peers_connected: ({ progress }) => progress.peers,
  peers_from: countSources,
  peers_getting_from_us: ({ peers }) => peers.filter(isReceiving).length,
  peers_sending_to_us: ({ peers }) => peers.filter(isSending).length,
  percent_complete: ({ progress: { haveBytes, size } }) => part(haveBytes, size),
  percent_done: ({ progress: { verifiedBytes, wantedBytes } }) => part(verifiedBytes, wantedBytes),
  piece_count: ({ record }) => record.pieceCount,
  pieces: view => Buffer.from(piecesOf(view).bytes).toString('base64'),
  primary_mime_type: () => 'application/octet-stream',
  queue_position: ({ position }) => position,
  rate_download: ({ progress }) => Math.round(progress.downSpeed),
  rate_upload: ({ progress }) => Math.round(progress.upSpeed),
  recheck_progress: ({ torrent }) => torrent.checked,
  seconds_downloading: ({ progress }) => seconds(progress.downloadingTime),
  seconds_seeding: ({ progress }) => seconds(progress.seedingTime),
  seed_idle_limit: ({ record }) => Math.round(record.seedIdle.value / MINUTE_MS),
  seed_idle_mode: ({ record }) => LIMIT_MODE_NUMBERS[record.seedIdle.mode],
  seed_ratio_limit: ({ record }) => record.seedRatio.value,
  seed_ratio_mode: ({ record }) => LIMIT_MODE_NUMBERS[record.seedRatio.mode],
  sequential_download: ({ record }) => record.sequential,
  sequential_download_from_piece: () => 0,
  size_when_done: ({ progress }) => progress.wantedBytes,
  start_date: ({ record }) => seconds(record.startedAt),
  status: ({ torrent }) => statusNumberOf(torrent),
  torrent_file: ({ torrent }) => `${torrent.infoHash}.torrent`,
  total_size: ({ record }) => record.size,
  upload_limit: ({ record }) => Math.round(record.up.value / KILOBYTE_BYTES),
  upload_limited: ({ record }) => record.up.enabled,
  upload_ratio: ratioOf,
  uploaded_ever: ({ progress }) => progress.uploaded,
  webseeds_sending_to_us: ({ progress }) => progress.webSeeds,
}

/** All fields of a torrent. */
export const TORRENT_FIELDS: ReadonlyMap<string, TorrentField> = new Map(
  [PLAIN_FIELDS, FACT_FIELDS, FILE_FIELDS].flatMap(fields => Object.entries(fields)),
)

function linkOf({ infoHash, name }: RpcTorrent['record'], trackers: readonly (readonly string[])[]): string {
  const urls = trackers.flat().map(url => `&tr=${encodeURIComponent(url)}`)
  return `magnet:?xt=urn:btih:${infoHash}&dn=${encodeURIComponent(name)}${urls.join('')}`
}

function piecesOf({ record: { pieceCount, pieces }, torrent }: RpcTorrent): Bitfield {
  const { state, verified } = torrent.torrent ?? {}
  const isKnown = state === 'downloading' || state === 'seeding'
  return isKnown && verified ? verified : pieceCount === 0 ? new Bitfield(0) : parsePieces(pieces, pieceCount)
}

/** The number of connected peers that have each piece; -1 for a piece that we have. */
function listAvailability(view: RpcTorrent): number[] {
  const own = piecesOf(view)
  return Array.from({ length: view.record.pieceCount }, (_, index) =>
    own.has(index) ? -1 : view.peers.filter(({ requester }) => requester.bits.has(index)).length,
  )
}
