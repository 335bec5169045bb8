import type { Session } from '../../session/session.ts'
import type { SessionTorrent } from '../../session/session-torrent.ts'
import { type Action, type QbittorrentContext, selectByHash } from './qbittorrent-context.ts'
import { readTransferInfo } from './server-state.ts'
import { describeProperties, describeTorrent } from './torrent-info.ts'

/** The version of the API, and of the program that has the same behaviour. */
const API_VERSION = '2.8.19'
const APP_VERSION = 'v4.5.5'
const MINUTE_MS = 60_000
const PRIORITY_NUMBERS = { off: 0, low: 1, normal: 1, high: 6 } as const
const TRACKER_STATES = { untried: 1, working: 2, failing: 4 } as const
/** The `max_ratio_act` of a session: it stops the torrent. */
const STOP_ACTION = 0

/** Actions that change nothing. */
export const READ_ACTIONS: Readonly<Record<string, Action>> = {
  'app/preferences': (_, { fixed, session }) => ({ json: preferencesOf(session, fixed) }),
  'app/version': () => ({ text: APP_VERSION }),
  'app/webapiVersion': () => ({ text: API_VERSION }),

  'torrents/categories': (_, { session }) => ({
    json: Object.fromEntries(
      Object.entries(session.settings.categories).map(([name, savePath]) => [name, { name, savePath }]),
    ),
  }),

  'torrents/tags': (_, { session }) => ({
    json: [...new Set(session.torrents.flatMap(({ record }) => record.labels))].sort(),
  }),

  'torrents/info': ({ fields }, { session }) => {
    const category = fields.get('category')
    const tag = fields.get('tag')
    const hashes = fields.get('hashes')?.toLowerCase().split('|')
    const chosen = session.torrents.filter(
      ({ infoHash, record }) =>
        (category === undefined || record.category === category) &&
        (tag === undefined || record.labels.includes(tag)) &&
        (hashes === undefined || hashes.includes(infoHash)),
    )
    const positions = new Map(session.queue.list().map((torrent, position) => [torrent, position + 1]))
    return { items: describeAll(chosen, positions) }
  },

  'transfer/info': async (_, context) => ({ json: await readTransferInfo(context) }),

  async 'torrents/properties'(form, context) {
    const torrent = selectByHash(form, context)
    return { json: describeProperties(torrent, await context.facts.load(torrent)) }
  },

  async 'torrents/files'(form, context) {
    const torrent = selectByHash(form, context)
    const files = await torrent.listFiles().catch(() => [])
    return {
      json: files.map(({ completed, length, path, priority }, index) => ({
        ...{ index, name: path, size: length },
        priority: PRIORITY_NUMBERS[priority],
        progress: length === 0 ? 1 : completed / length,
      })),
    }
  },

  async 'torrents/trackers'(form, context) {
    const torrent = selectByHash(form, context)
    const tiers = torrent.record.trackers ?? (await context.facts.load(torrent)).trackers
    const statuses = new Map(torrent.torrent?.discovery.trackers.map(status => [status.url, status]))
    const describe = (url: string, tier: number) => {
      const { error, leechers = -1, peers = -1, seeders = -1, state = 'untried' } = statuses.get(url) ?? {}
      return {
        ...{ url, tier, status: TRACKER_STATES[state], msg: error?.message ?? '' },
        ...{ num_peers: peers, num_seeds: seeders, num_leeches: leechers },
      }
    }
    return { json: tiers.flatMap((urls, tier) => urls.map(url => describe(url, tier))) }
  },
}

async function* describeAll(
  torrents: readonly SessionTorrent[],
  positions: ReadonlyMap<SessionTorrent, number>,
): AsyncGenerator<string> {
  for (const torrent of torrents) yield JSON.stringify(describeTorrent(torrent, positions.get(torrent) ?? 0))
}

function preferencesOf({ settings }: Session, fixed: QbittorrentContext['fixed']): object {
  const { directory, downloadQueue, maxPeersPerTorrent, seedIdle, seedQueue, seedRatio, seedTime } = settings
  const minutes = ({ enabled, value }: typeof seedTime) => (enabled ? Math.round(value / MINUTE_MS) : -1)
  return {
    dht: fixed.dht,
    lsd: fixed.lsd,
    max_active_downloads: downloadQueue.enabled ? downloadQueue.value : -1,
    max_active_uploads: seedQueue.enabled ? seedQueue.value : -1,
    max_connec: fixed.maxPeers,
    max_connec_per_torrent: maxPeersPerTorrent,
    max_inactive_seeding_time: minutes(seedIdle),
    max_inactive_seeding_time_enabled: seedIdle.enabled,
    max_ratio: seedRatio.enabled ? seedRatio.value : -1,
    max_ratio_act: STOP_ACTION,
    max_ratio_enabled: seedRatio.enabled,
    max_seeding_time: minutes(seedTime),
    max_seeding_time_enabled: seedTime.enabled,
    pex: fixed.pex,
    queueing_enabled: downloadQueue.enabled || seedQueue.enabled,
    save_path: directory,
    start_paused_enabled: !settings.startsAdded,
    temp_path_enabled: false,
  }
}
