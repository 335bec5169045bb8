import { InputError } from '../../errors.ts'
import { flag, list, number, text, whole } from '../../session/records/fields.ts'
import type { FilePriority } from '../../session/records/file-priorities.ts'
import type { SessionTorrentOptions } from '../../session/records/torrent-record.ts'
import type { SessionTorrent } from '../../session/session-torrent.ts'
import { setGroup } from './group-methods.ts'
import { amount, indices, loose, read, texts } from './parameters.ts'
import type { Method, Parameters, RpcContext } from './rpc-context.ts'
import { RPC_CODES, RpcError } from './rpc-error.ts'
import { selectTorrents } from './select-torrents.ts'
import { KILOBYTE_BYTES } from './session-fields.ts'
import { PRIORITY_NUMBERS } from './torrent-fields.ts'
import { describeTiers, parseTrackers } from './tracker-fields.ts'

const MINUTE_MS = 60_000
const LIMIT_MODE_NAMES = ['session', 'own', 'none'] as const

/** The parameters that give files a priority, in the order in which they are applied. */
const FILE_PARAMETERS: readonly (readonly [name: string, priority: FilePriority | 'wanted'])[] = [
  ['files_unwanted', 'off'],
  ['files_wanted', 'wanted'],
  ['priority_low', 'low'],
  ['priority_normal', 'normal'],
  ['priority_high', 'high'],
]

/** Changes options of torrents. */
export const torrentSet: Method = async (parameters, context) => {
  const { changes, session } = context
  const location = read(parameters, 'location', text())
  const position = read(parameters, 'queue_position', whole)
  const torrents = selectTorrents(session, parameters.ids, changes)
  const group = read(parameters, 'group', text(255))
  if (group) await setGroup(session, group)
  for (const torrent of torrents) {
    const options = {
      ...readOptions(parameters, torrent),
      ...(await readTrackers(parameters, torrent, context)),
    }
    if (Object.keys(options).length > 0) await torrent.set(options)
    for (const [name, priority] of FILE_PARAMETERS) {
      const files = read(parameters, name, indices)
      if (files) await setPriority(torrent, files, priority)
    }
    if (location !== undefined) await session.move(torrent, location, { keepFiles: true })
    if (position !== undefined) await session.queue.place(torrent, position)
  }
  return undefined
}

function readOptions(parameters: Parameters, { record }: SessionTorrent): Partial<SessionTorrentOptions> {
  const options: { -readonly [K in keyof SessionTorrentOptions]?: SessionTorrentOptions[K] } = {}
  const labels = read(parameters, 'labels', list(text(255), 100))
  if (labels) {
    options.labels = labels.filter(label => label !== record.category)
    if (record.category !== '' && !labels.includes(record.category)) options.category = ''
  }
  for (const [name, limit, limited] of [
    ['up', 'upload_limit', 'upload_limited'],
    ['down', 'download_limit', 'download_limited'],
  ] as const) {
    const value = read(parameters, limit, amount)
    const enabled = read(parameters, limited, loose)
    if (value === undefined && enabled === undefined) continue
    const before = record[name]
    options[name] = {
      enabled: enabled ?? before.enabled,
      value: value === undefined ? before.value : value * KILOBYTE_BYTES,
    }
  }
  for (const [name, limit, mode, factor] of [
    ['seedRatio', 'seed_ratio_limit', 'seed_ratio_mode', 1],
    ['seedIdle', 'seed_idle_limit', 'seed_idle_mode', MINUTE_MS],
  ] as const) {
    const value = read(parameters, limit, amount)
    const chosen = read(parameters, mode, whole)
    if (value === undefined && chosen === undefined) continue
    if (chosen !== undefined && !LIMIT_MODE_NAMES[chosen])
      throw new RpcError(RPC_CODES.arguments, `${mode}: expected 0, 1 or 2`)
    const before = record[name]
    options[name] = {
      mode: chosen === undefined ? before.mode : LIMIT_MODE_NAMES[chosen]!,
      value: value === undefined ? before.value : value * factor,
    }
  }
  const honorsSessionLimits = read(parameters, 'honors_session_limits', flag)
  if (honorsSessionLimits !== undefined) options.honorsSessionLimits = honorsSessionLimits
  const bandwidthPriority = readBandwidthPriority(parameters)
  if (bandwidthPriority !== undefined) options.bandwidthPriority = bandwidthPriority
  const group = read(parameters, 'group', text(255))
  if (group !== undefined) options.group = group
  const sequential = readSequential(parameters)
  if (sequential !== undefined) options.sequential = sequential
  const maxPeers = read(parameters, 'peer_limit', whole)
  if (maxPeers !== undefined) options.maxPeers = maxPeers
  return options
}

/** Reads the priority of a torrent from its number, if it is given. @throws RpcError for another number */
export function readBandwidthPriority(
  parameters: Parameters,
): SessionTorrentOptions['bandwidthPriority'] | undefined {
  const level = read(parameters, 'bandwidth_priority', number)
  if (level === undefined) return undefined
  const priority = (['low', 'normal', 'high'] as const).find(name => PRIORITY_NUMBERS[name] === level)
  if (priority) return priority
  throw new RpcError(RPC_CODES.arguments, 'bandwidth_priority: expected -1, 0 or 1')
}

/** Reads the order of pieces, if it is given. @throws RpcError for one that does not begin at the first piece */
export function readSequential(parameters: Parameters): boolean | undefined {
  if (read(parameters, 'sequential_download_from_piece', whole))
    throw new RpcError(RPC_CODES.arguments, 'sequential_download_from_piece: expected 0')
  return read(parameters, 'sequential_download', loose)
}

/** Reads changes of the trackers: a new list, or some that are added, removed or replaced. */
async function readTrackers(
  parameters: Parameters,
  torrent: SessionTorrent,
  { facts }: RpcContext,
): Promise<Partial<SessionTorrentOptions>> {
  const all = read(parameters, 'tracker_list', text(1 << 20))
  if (all !== undefined) return { trackers: parseTrackers(all).map(tier => tier.map(checkTracker)) }
  const added = read(parameters, 'tracker_add', texts) ?? []
  const removed = new Set<number | string>(read(parameters, 'tracker_remove', trackerNames) ?? [])
  const replaced = readReplacements(read(parameters, 'tracker_replace', trackerNames) ?? [])
  if (added.length + removed.size + replaced.size === 0) return {}
  const { record } = torrent
  const present = describeTiers(record.trackers ?? (await facts.load(torrent)).trackers)
  const tiers: string[][] = []
  for (const { announce, id, tier } of present) {
    // some clients name a tracker by its URL
    if (removed.has(id) || removed.has(announce)) continue
    ;(tiers[tier] ??= []).push(replaced.get(id) ?? announce)
  }
  for (const url of added) tiers.push([checkTracker(url)])
  return { trackers: tiers.filter(tier => tier !== undefined) }
}

/** The numbers and URLs of trackers. */
const trackerNames = list<number | string>(
  (value, name) => (typeof value === 'string' ? text()(value, name) : whole(value, name)),
  2000,
)

/** Reads pairs of a number and a URL. */
function readReplacements(pairs: readonly (number | string)[]): ReadonlyMap<number, string> {
  if (pairs.length % 2 !== 0)
    throw new RpcError(RPC_CODES.arguments, 'tracker_replace: expected pairs of a number and a URL')
  const replaced = new Map<number, string>()
  for (let at = 0; at < pairs.length; at += 2)
    replaced.set(whole(pairs[at], 'tracker_replace'), checkTracker(text()(pairs[at + 1], 'tracker_replace')))
  return replaced
}

function checkTracker(url: string): string {
  if (/^(https?|udp):\/\/[^\s/]+/i.test(url)) return url
  throw new InputError('ERR_USAGE', 'invalid tracker list: expected http, https or udp URLs')
}

/** Files are named by their place in the list of files. No file means all of them. */
async function setPriority(
  torrent: SessionTorrent,
  places: readonly number[],
  priority: FilePriority | 'wanted',
): Promise<void> {
  const files = torrent.record.link === null ? await torrent.listFiles() : undefined
  const chosen = places.length === 0 ? (files ?? []).map((_, place) => place) : places
  const indices = chosen.flatMap(place => {
    const file = files?.[place]
    if (files && !file) throw new RpcError(RPC_CODES.arguments, `file index out of range: ${place}`)
    const isWanted = file !== undefined && file.priority !== 'off'
    // a file that is not wanted stays unwanted, whatever its priority is
    const keeps = priority === 'wanted' ? isWanted : priority !== 'off' && file?.priority === 'off'
    return keeps ? [] : [file?.index ?? place]
  })
  if (indices.length > 0) await torrent.setPriority(indices, priority === 'wanted' ? 'normal' : priority)
}
