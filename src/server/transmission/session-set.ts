import { isDeepStrictEqual } from 'node:util'
import { quote } from '../../codec/quote.ts'
import { text, whole } from '../../session/records/fields.ts'
import type { SessionSettings } from '../../session/records/session-record.ts'
import { toLegacyKey } from './key-names.ts'
import { amount, loose, read } from './parameters.ts'
import type { Method, Parameters } from './rpc-context.ts'
import { RPC_CODES, RpcError } from './rpc-error.ts'
import { changeableFields, fixedFields, KILOBYTE_BYTES } from './session-fields.ts'

const MINUTE_MS = 60_000
const WEEK_DAYS = [0, 1, 2, 3, 4, 5, 6]

/** Settings that are a limit with a switch: their name, the two parameters, and the factor of the value. */
const LIMIT_KEYS = [
  ['up', 'speed_limit_up', 'speed_limit_up_enabled', KILOBYTE_BYTES],
  ['down', 'speed_limit_down', 'speed_limit_down_enabled', KILOBYTE_BYTES],
  ['seedRatio', 'seed_ratio_limit', 'seed_ratio_limited', 1],
  ['seedIdle', 'idle_seeding_limit', 'idle_seeding_limit_enabled', MINUTE_MS],
  ['downloadQueue', 'download_queue_size', 'download_queue_enabled', 1],
  ['seedQueue', 'seed_queue_size', 'seed_queue_enabled', 1],
  ['stalled', 'queue_stalled_minutes', 'queue_stalled_enabled', MINUTE_MS],
] as const

/** Changes settings. One that cannot be changed while the program runs is accepted only with its present value. */
export const sessionSet: Method = async (parameters, context, isLegacy) => {
  const { session } = context
  const changeable = changeableFields(session.settings)
  const fixed = Object.entries(await fixedFields(context))
  for (const [name, value] of fixed) {
    if (parameters[name] === undefined || isDeepStrictEqual(parameters[name], value)) continue
    const spelled = isLegacy ? toLegacyKey(name, 'kebab') : name
    throw new RpcError(RPC_CODES.arguments, `${spelled}: cannot be changed while tsdl runs`)
  }
  if (Object.keys(changeable).some(name => parameters[name] !== undefined))
    await session.set(readSettings(parameters, session.settings))
  return undefined
}

function readSettings(parameters: Parameters, before: SessionSettings): Partial<SessionSettings> {
  const changes: { -readonly [K in keyof SessionSettings]?: SessionSettings[K] } = {}
  for (const [name, limit, limited, factor] of LIMIT_KEYS) {
    const value = read(parameters, limit, amount)
    const enabled = read(parameters, limited, loose)
    if (value === undefined && enabled === undefined) continue
    changes[name] = {
      enabled: enabled ?? before[name].enabled,
      value: value === undefined ? before[name].value : value * factor,
    }
  }
  const directory = read(parameters, 'download_dir', text())
  if (directory !== undefined) changes.directory = directory
  const startsAdded = read(parameters, 'start_added_torrents', loose)
  if (startsAdded !== undefined) changes.startsAdded = startsAdded
  const maxPeers = read(parameters, 'peer_limit_per_torrent', whole)
  if (maxPeers !== undefined) changes.maxPeersPerTorrent = maxPeers
  return { ...changes, ...readBlocklist(parameters, before), ...readAlternative(parameters, before) }
}

/** A client may set the path of a blocklist only to its present value, which the owner of the program has chosen. */
function readBlocklist(parameters: Parameters, { blocklist }: SessionSettings): Partial<SessionSettings> {
  const { enabled = blocklist.enabled, url = blocklist.url } = {
    enabled: read(parameters, 'blocklist_enabled', loose),
    url: read(parameters, 'blocklist_url', text()),
  }
  if (enabled === blocklist.enabled && url === blocklist.url) return {}
  if (url !== '' && url !== blocklist.url && !/^https?:\/\//i.test(url))
    throw new RpcError(RPC_CODES.arguments, `blocklist_url: expected an http or https URL, got ${quote(url)}`)
  return { blocklist: { enabled, url } }
}

function readAlternative(
  parameters: Parameters,
  { alternative, alternativeTimes }: SessionSettings,
): Partial<SessionSettings> {
  const up = read(parameters, 'alt_speed_up', amount)
  const down = read(parameters, 'alt_speed_down', amount)
  const enabled = read(parameters, 'alt_speed_enabled', loose)
  const isTimed = read(parameters, 'alt_speed_time_enabled', loose)
  const from = read(parameters, 'alt_speed_time_begin', whole)
  const to = read(parameters, 'alt_speed_time_end', whole)
  const mask = read(parameters, 'alt_speed_time_day', whole)
  const given = (...values: unknown[]) => values.some(value => value !== undefined)
  return {
    ...(given(up, down, enabled)
      ? {
          alternative: {
            enabled: enabled ?? alternative.enabled,
            up: up === undefined ? alternative.up : up * KILOBYTE_BYTES,
            down: down === undefined ? alternative.down : down * KILOBYTE_BYTES,
          },
        }
      : {}),
    ...(given(isTimed, from, to, mask)
      ? {
          alternativeTimes: {
            enabled: isTimed ?? alternativeTimes.enabled,
            from: from ?? alternativeTimes.from,
            to: to ?? alternativeTimes.to,
            days: mask === undefined ? alternativeTimes.days : WEEK_DAYS.filter(day => mask & (1 << day)),
          },
        }
      : {}),
  }
}
