import type { SessionSettings } from '../../session/records/session-record.ts'
import { VERSION } from '../../version.ts'
import { freeSpaceFor } from '../api/free-space-for.ts'
import type { RpcContext } from './rpc-context.ts'

/** The version of the API that we speak, as Transmission counts them. */
const RPC_VERSION = 18
const RPC_VERSION_MINIMUM = 14
/** The version of JSON-RPC 2 in that API, also for the header of the same meaning. */
export const RPC_VERSION_SEMVER = '6.0.1'
/** The Transmission version that our behaviour corresponds to: clients read features from it. */
const TRANSMISSION_VERSION = '4.1.0'

/** Rates and limits of RPC are in kilobytes per second. */
export const KILOBYTE_BYTES = 1000
const KIBIBYTE_BYTES = 1024
const MINUTE_MS = 60_000

const ENCRYPTION_NAMES = { off: 'tolerated', prefer: 'preferred', require: 'required' } as const

const SIZE_UNITS = {
  memory_bytes: KIBIBYTE_BYTES,
  memory_units: ['KiB', 'MiB', 'GiB', 'TiB'],
  size_bytes: KILOBYTE_BYTES,
  size_units: ['kB', 'MB', 'GB', 'TB'],
  speed_bytes: KILOBYTE_BYTES,
  speed_units: ['kB/s', 'MB/s', 'GB/s', 'TB/s'],
}

/** Returns the fields of the session that `session-set` can change. */
export function changeableFields(settings: SessionSettings): Record<string, unknown> {
  const {
    alternative,
    alternativeTimes: times,
    blocklist,
    down,
    downloadQueue,
    seedIdle,
    seedQueue,
    seedRatio,
    stalled,
    up,
  } = settings
  const kilobytes = (bytes: number) => Math.round(bytes / KILOBYTE_BYTES)
  return {
    alt_speed_down: kilobytes(alternative.down),
    alt_speed_enabled: alternative.enabled,
    alt_speed_time_begin: times.from,
    alt_speed_time_day: times.days.reduce((mask, day) => mask | (1 << day), 0),
    alt_speed_time_enabled: times.enabled,
    alt_speed_time_end: times.to,
    alt_speed_up: kilobytes(alternative.up),
    blocklist_enabled: blocklist.enabled,
    blocklist_url: blocklist.url,
    download_dir: settings.directory,
    download_queue_enabled: downloadQueue.enabled,
    download_queue_size: downloadQueue.value,
    idle_seeding_limit: Math.round(seedIdle.value / MINUTE_MS),
    idle_seeding_limit_enabled: seedIdle.enabled,
    peer_limit_per_torrent: settings.maxPeersPerTorrent,
    queue_stalled_enabled: stalled.enabled,
    queue_stalled_minutes: Math.round(stalled.value / MINUTE_MS),
    seed_queue_enabled: seedQueue.enabled,
    seed_queue_size: seedQueue.value,
    seed_ratio_limit: seedRatio.value,
    seed_ratio_limited: seedRatio.enabled,
    speed_limit_down: kilobytes(down.value),
    speed_limit_down_enabled: down.enabled,
    speed_limit_up: kilobytes(up.value),
    speed_limit_up_enabled: up.enabled,
    start_added_torrents: settings.startsAdded,
  }
}

/** Returns the fields of the session that cannot be changed while the program runs. */
export async function fixedFields({
  client,
  program: { fixed, freeSpaceAt, stateDirectory = '' },
  session,
  sessionId,
}: RpcContext): Promise<Record<string, unknown>> {
  const listener = await client.listen().catch(() => undefined)
  const { directory } = session.settings
  return {
    anti_brute_force_enabled: false,
    anti_brute_force_threshold: 0,
    blocklist_size: session.blocklist.size,
    cache_size_mb: 0,
    config_dir: stateDirectory,
    default_trackers: '',
    dht_enabled: fixed.dht,
    download_dir_free_space: await freeSpaceFor(directory, freeSpaceAt).then(
      ({ free }) => free,
      () => -1,
    ),
    encryption: ENCRYPTION_NAMES[fixed.encryption],
    incomplete_dir: directory,
    incomplete_dir_enabled: false,
    lpd_enabled: fixed.lsd,
    peer_limit_global: fixed.maxPeers,
    peer_port: listener?.port ?? 0,
    peer_port_random_on_start: false,
    pex_enabled: fixed.pex,
    port_forwarding_enabled: false,
    preferred_transports: ['tcp'],
    rename_partial_files: false,
    reqq: 500,
    rpc_version: RPC_VERSION,
    rpc_version_minimum: RPC_VERSION_MINIMUM,
    rpc_version_semver: RPC_VERSION_SEMVER,
    script_torrent_added_enabled: false,
    script_torrent_added_filename: '',
    script_torrent_done_enabled: false,
    script_torrent_done_filename: '',
    script_torrent_done_seeding_enabled: false,
    script_torrent_done_seeding_filename: '',
    sequential_download: false,
    session_id: sessionId,
    tcp_enabled: true,
    trash_original_torrent_files: false,
    units: SIZE_UNITS,
    utp_enabled: false,
    version: `${TRANSMISSION_VERSION} (tsdl ${VERSION})`,
  }
}
