import type { SessionTorrentOptions } from '../../session/records/torrent-record.ts'
import type { Form } from './form.ts'
import { RequestError } from './request-error.ts'

const MINUTE_MS = 60_000
/** The limit that stands for that of the session. Another one below 0 is none. */
const SESSION_LIMIT = -2

/** The fields of the limits: their options, and the factors of their values. */
const LIMIT_KEYS = {
  ratioLimit: ['seedRatio', 1],
  seedingTimeLimit: ['seedTime', MINUTE_MS],
  inactiveSeedingTimeLimit: ['seedIdle', MINUTE_MS],
} as const

/** Reads the limits of sharing. @throws RequestError for one that is no number */
export function readShareLimits({ fields }: Form): Partial<SessionTorrentOptions> {
  const read = ([name, [option, factor]]: [string, readonly [string, number]]) => {
    const text = fields.get(name)
    if (text === undefined) return []
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (!Number.isFinite(value)) throw new RequestError(400, `${name}: expected a number`)
    const mode = value === SESSION_LIMIT ? 'session' : value < 0 ? 'none' : 'own'
    return [[option, { mode, value: mode === 'own' ? value * factor : 0 }]]
  }
  return Object.fromEntries(Object.entries(LIMIT_KEYS).flatMap(read))
}
