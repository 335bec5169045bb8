import {
  dictionary,
  flag,
  limit,
  list,
  object,
  quantity,
  text,
  type ValueOf,
  whole,
  withDefault,
} from './fields.ts'

const group = object({ up: limit, down: limit, honorsSessionLimits: flag })

/** Rate limits that several torrents have together, in bytes per second. */
export type BandwidthGroup = ValueOf<typeof group>

/** Options of a session, which its user can change at any time. */
export const SESSION_SETTINGS = {
  /** The directory for torrents that name none: an absolute path. */
  directory: text(),
  /** True to start torrents as they are added. */
  startsAdded: flag,
  /** Rate limits of all torrents together, in bytes per second. */
  up: limit,
  down: limit,
  /** Rates in bytes per second that replace `up` and `down` while `enabled`. */
  alternative: object({ enabled: flag, up: quantity, down: quantity }),
  /**
   * The times at which the alternative rates begin and end: minutes since midnight, on these days (0 is Sunday). A time
   * that ends before it begins ends on the next day.
   */
  alternativeTimes: object({ enabled: flag, from: whole, to: whole, days: list(whole, 7) }),
  /** Stop sharing a torrent at this ratio, after this many milliseconds without upload, or of sharing. */
  seedRatio: limit,
  seedIdle: limit,
  seedTime: limit,
  /** The number of torrents that download, and that share, at the same time. */
  downloadQueue: limit,
  seedQueue: limit,
  /** A torrent that moved no bytes for this many milliseconds takes no place in a queue. */
  stalled: limit,
  /** The default number of connections of a torrent. */
  maxPeersPerTorrent: whole,
  /** Directories of categories, by name; '' for the directory of the session. */
  categories: dictionary(text()),
  /**
   * Bandwidth groups, by name. The rate limits of the session hold for a group as well, unless it is exempt from them.
   */
  groups: withDefault(dictionary(group), {}),
  /** The URL or the path of a list of blocked addresses, which `Session.blocklist` loads. */
  blocklist: withDefault(object({ enabled: flag, url: text() }), { enabled: false, url: '' }),
} as const

/** Numbers of a session since it was created. */
const SESSION_TOTALS = object({
  downloaded: whole,
  uploaded: whole,
  added: whole,
  runs: whole,
  runningTime: whole,
})

/** Options of a session, which its user can change at any time. */
export type SessionSettings = {
  readonly [K in keyof typeof SESSION_SETTINGS]: ValueOf<(typeof SESSION_SETTINGS)[K]>
}

/** Numbers of a session since it was created: bytes, torrents, starts, and milliseconds. */
export type SessionTotals = ValueOf<typeof SESSION_TOTALS>

/** The state of a session that is remembered across restarts, besides its torrents. */
export interface SessionRecord {
  /** The id of the next torrent. */
  readonly nextId: number
  readonly settings: SessionSettings
  readonly totals: SessionTotals
}

const DISABLED_LIMIT = { enabled: false, value: 0 }
const MINUTE_MS = 60_000

/** Returns the settings of a new session. */
export function defaultSettings(directory: string): SessionSettings {
  return {
    directory,
    startsAdded: true,
    up: DISABLED_LIMIT,
    down: DISABLED_LIMIT,
    alternative: { enabled: false, up: 50_000, down: 50_000 },
    alternativeTimes: { enabled: false, from: 9 * 60, to: 17 * 60, days: [0, 1, 2, 3, 4, 5, 6] },
    seedRatio: { enabled: false, value: 2 },
    seedIdle: { enabled: false, value: 30 * MINUTE_MS },
    seedTime: { enabled: false, value: 24 * 60 * MINUTE_MS },
    downloadQueue: { enabled: true, value: 5 },
    seedQueue: { enabled: false, value: 10 },
    // Short, so that a few torrents without peers do not hold up the others.
    stalled: { enabled: true, value: 2 * MINUTE_MS },
    maxPeersPerTorrent: 50,
    categories: {},
    groups: {},
    blocklist: { enabled: false, url: '' },
  }
}

/** Reads a record. @throws InputError ERR_USAGE that names the first invalid field */
export const readSessionRecord = object({
  nextId: whole,
  settings: object(SESSION_SETTINGS),
  totals: SESSION_TOTALS,
})
