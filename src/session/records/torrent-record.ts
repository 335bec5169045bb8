import { parseAddress } from '../../codec/compact.ts'
import {
  dictionary,
  type Field,
  flag,
  limit,
  list,
  nullable,
  number,
  object,
  oneOf,
  quantity,
  text,
  type ValueOf,
  whole,
  withDefault,
} from './fields.ts'
import { recordedFileList } from './file-list.ts'
import { recordedFacts } from './torrent-facts.ts'

/** A seed rule of one torrent: that of the session, one of its own, or none. */
const seedRule = object({ mode: oneOf('session', 'own', 'none'), value: quantity })

/** An address that `parseAddress` accepts. */
const peer: Field<string> = (value, name) => {
  const address = text(300)(value, name)
  parseAddress(address)
  return address
}

/** Maximum number of peers, and of tiers of trackers, that a record names. */
export const MAX_PEERS = 1000
export const MAX_TIERS = 100

/** The options of a torrent in a session, which its user can change. */
export const TORRENT_OPTIONS = {
  /** Labels in the order in which they were given. */
  labels: list(text(255), 100),
  /** A category, or '' for none. A torrent has one at most. */
  category: text(255),
  /** True to download the lowest piece first. */
  sequential: flag,
  /** Rate limits in bytes per second. They hold together with those of the session. */
  up: limit,
  down: limit,
  /** The bandwidth group that it belongs to, or '' for none. */
  group: withDefault(text(255), ''),
  /** False to be exempt from the rate limits of the session and of its group. */
  honorsSessionLimits: flag,
  /** Its part of the rates of the session, compared with other torrents: half, once or twice a normal one. */
  bandwidthPriority: withDefault(oneOf('low', 'normal', 'high'), 'normal'),
  /** Maximum number of connections. */
  maxPeers: whole,
  /** Stop sharing at this ratio. */
  seedRatio: seedRule,
  /** Stop sharing after this many milliseconds without upload. */
  seedIdle: seedRule,
  /** Stop sharing after this many milliseconds of sharing. */
  seedTime: seedRule,
  /** Peers to connect to, besides those that trackers name: `host:port`. */
  peers: list(peer, MAX_PEERS),
  /** Tiers of trackers that replace those of the .torrent or link; null for its own. */
  trackers: nullable(list(list(text(), 100), MAX_TIERS)),
} as const

const PRIORITY_FIELDS = object({ off: text(1e7), low: text(1e7), high: text(1e7) })

const TORRENT_RECORD = {
  ...TORRENT_OPTIONS,
  /** A number that no other torrent of the session has or had. */
  id: whole,
  /** In hex. */
  infoHash: text(40),
  name: text(),
  /** The magnet link, as long as there is no metadata. */
  link: nullable(text(300_000)),
  /** Bytes and number of pieces and files; 0 while there is no metadata. */
  size: whole,
  pieceCount: whole,
  fileCount: whole,
  private: flag,
  /** Other facts in the .torrent; null while there is no metadata, or if they are too long for a record. */
  facts: recordedFacts,
  /** The files in the .torrent, as JSON: see `readFileList`. */
  fileList: recordedFileList,
  /** The absolute path of the directory that holds the files. */
  directory: text(),
  /** The intent of the user: a `forced` torrent is started whatever the queue says. */
  intent: oneOf('stopped', 'started', 'forced'),
  /** True if a seed rule stopped it. */
  isFinished: flag,
  /** The place in the queue: lower comes first. */
  order: number,
  /** Milliseconds since 1970; 0 for never. */
  addedAt: whole,
  startedAt: whole,
  doneAt: whole,
  activeAt: whole,
  /** Bytes of blocks of all runs. */
  downloaded: whole,
  uploaded: whole,
  wasted: whole,
  /** Milliseconds in all runs. */
  downloadingTime: whole,
  seedingTime: whole,
  /** Bytes of wanted pieces, those of them that are verified, and all bytes that are verified. */
  wantedBytes: whole,
  verifiedBytes: whole,
  haveBytes: whole,
  /** The verified pieces: `none`, `all` or a bitfield in base64. */
  pieces: text(1e7),
  /** File indices that are not wanted, or have another priority than normal, as in `0,2-5`. */
  priorities: PRIORITY_FIELDS,
  /** Paths of files that differ from those of the .torrent, by index; null before the first search for other names. */
  paths: nullable(dictionary(text(), 500_000)),
  /** The failure that stopped the torrent. */
  error: nullable(object({ code: text(100), message: text() })),
  /**
   * A change of files that has begun: after a crash it is finished. `move` goes from one directory to another, `clean`
   * deletes the originals of a finished move, `rename` has the two paths, and `remove` deletes the files.
   */
  pending: nullable(object({ kind: oneOf('move', 'clean', 'rename', 'remove'), from: text(), to: text() })),
} as const

/** The options of a torrent in a session, which its user can change. */
export type SessionTorrentOptions = {
  readonly [K in keyof typeof TORRENT_OPTIONS]: ValueOf<(typeof TORRENT_OPTIONS)[K]>
}

/** The state of a torrent that is remembered across restarts. Times are in milliseconds since 1970. */
export type TorrentRecord = {
  readonly [K in keyof typeof TORRENT_RECORD]: ValueOf<(typeof TORRENT_RECORD)[K]>
}

/** The default options of a torrent. */
export const DEFAULT_TORRENT_OPTIONS: SessionTorrentOptions = {
  labels: [],
  category: '',
  sequential: false,
  up: { enabled: false, value: 0 },
  down: { enabled: false, value: 0 },
  group: '',
  honorsSessionLimits: true,
  bandwidthPriority: 'normal',
  maxPeers: 100,
  seedRatio: { mode: 'session', value: 0 },
  seedIdle: { mode: 'session', value: 0 },
  seedTime: { mode: 'session', value: 0 },
  peers: [],
  trackers: null,
}

/** Reads a record. @throws InputError ERR_USAGE that names the first invalid field */
export const readTorrentRecord = object(TORRENT_RECORD)
