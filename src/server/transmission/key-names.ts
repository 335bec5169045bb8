/**
 * The names of keys. Inside, every key and method is in snake_case, as JSON-RPC 2 has it. The legacy dialect has a mix of
 * kebab-case and camelCase, with exceptions.
 */

/** Legacy keys that no rule gives. */
const IRREGULAR_NAMES: Readonly<Record<string, string>> = {
  blocklist_size: 'blocklist-size',
  cumulative_stats: 'cumulative-stats',
  current_stats: 'current-stats',
  file_count: 'file-count',
  is_utp: 'isUTP',
  peer_limit: 'peer-limit',
  port_is_open: 'port-is-open',
  primary_mime_type: 'primary-mime-type',
  size_bytes: 'size-bytes',
  speed_limit_down: 'speed-limit-down',
  speed_limit_down_enabled: 'speed-limit-down-enabled',
  speed_limit_up: 'speed-limit-up',
  speed_limit_up_enabled: 'speed-limit-up-enabled',
  seed_ratio_limit: 'seedRatioLimit',
  seed_ratio_limited: 'seedRatioLimited',
  torrent_added: 'torrent-added',
  torrent_duplicate: 'torrent-duplicate',
}

/** Keys that came after the legacy dialect, and have one name. */
const SINGLE_NAMES = new Set([
  ...['begin_piece', 'bytes_to_client', 'bytes_to_peer', 'downloader_count', 'end_piece', 'peer_id'],
  ...['preferred_transports', 'sequential_download', 'total_size'],
])

/** The legacy style of an object: `camel` for torrents and statistics, `kebab` for the session. */
export type LegacyStyle = 'camel' | 'kebab'

/** Returns a key or method of any dialect in snake_case. */
export function toSnakeCase(key: string): string {
  return key
    .replaceAll('-', '_')
    .replace(/([a-z\d])([A-Z])/g, '$1_$2')
    .toLowerCase()
}

/** The names that were computed before. All keys are ours, so there are few. */
const known = { camel: new Map<string, string>(), kebab: new Map<string, string>() }

/** Returns the legacy name of a key. */
export function toLegacyKey(key: string, style: LegacyStyle): string {
  let name = known[style].get(key)
  if (name === undefined) known[style].set(key, (name = makeLegacyKey(key, style)))
  return name
}

function makeLegacyKey(key: string, style: LegacyStyle): string {
  const exception = SINGLE_NAMES.has(key) ? key : IRREGULAR_NAMES[key]
  if (exception !== undefined) return exception
  return style === 'kebab'
    ? key.replaceAll('_', '-')
    : key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
}

/** Returns a value with the legacy names of all keys in it. The value is a tree of our own objects, without cycles. */
export function toLegacy(value: unknown, style: LegacyStyle): unknown {
  if (Array.isArray(value)) return value.map(item => toLegacy(item, style))
  if (typeof value !== 'object' || value === null) return value
  const legacy: Record<string, unknown> = {}
  for (const key of Object.keys(value))
    legacy[toLegacyKey(key, style)] = toLegacy((value as Record<string, unknown>)[key], style)
  return legacy
}

/** Returns arguments with the keys at their top in snake_case. */
export function readKeys(given: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [toSnakeCase(key), value]))
}
