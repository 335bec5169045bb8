import type { ArgumentKind } from '../codec/check-arguments.ts'
import type { TsdlError } from '../errors.ts'
import { InputError } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { NameOptions } from '../metainfo/name.ts'
import type { AddOptions, Client } from '../pipeline/client.ts'
import type { Bottleneck } from '../pipeline/diagnosis/bottleneck.ts'
import type { Clock } from '../ports/clock.ts'
import type { EditableFileSystem } from '../ports/file-system.ts'
import type { HttpOpen } from '../ports/http-client.ts'
import type { FileLocks } from '../storage/file-locks.ts'
import type { SessionSettings } from './records/session-record.ts'
import type { SeedRule } from './rules/seed-rules.ts'
import type { SessionTorrent } from './session-torrent.ts'
import type { StateStore } from './store/state-store.ts'

/** Events of `Session`. */
export interface SessionEvents {
  /** A torrent was added. */
  added: [torrent: SessionTorrent]
  /** A torrent was removed, with its data or without. */
  removed: [torrent: SessionTorrent, withData: boolean]
  /** The metadata of a magnet link is known. */
  metadata: [torrent: SessionTorrent, metainfo: Metainfo]
  /** All wanted files of a torrent are complete for the first time. */
  completed: [torrent: SessionTorrent]
  /** A seed rule has stopped a torrent. */
  finished: [torrent: SessionTorrent, rule: SeedRule]
  /** A torrent has failed and is stopped. `torrent.error` says why until it is started again. */
  failed: [torrent: SessionTorrent, error: TsdlError]
  /** A different stage has limited the download for at least a second. */
  bottleneck: [torrent: SessionTorrent, bottleneck: Bottleneck]
  /** The status, the options or the place of a torrent changed. */
  changed: [torrent: SessionTorrent]
  /** The settings changed. */
  settings: [settings: SessionSettings]
  /** Something failed, and the session continues. */
  warning: [error: TsdlError, torrent: SessionTorrent | undefined]
}

/** Options of `Session.open`. */
export interface SessionOptions {
  /** The client of all torrents. Its owner closes it, after the session. */
  readonly client: Client
  /** The store that remembers the session. */
  readonly store: StateStore
  /** The directory for torrents that name none, in a new session: an absolute path. */
  readonly directory: string
  /** Directories that hold all torrents: others are rejected with ERR_PATH. @default any directory */
  readonly roots?: readonly string[]
  /** Settings that replace the remembered ones. */
  readonly settings?: Partial<SessionSettings>
  /** Options of all torrents in the client. */
  readonly torrentOptions?: Pick<AddOptions, 'allowLocal' | 'maxPeersPerAddress' | 'webSeeds'>
  /** Keeps other processes from writing the same files: see `LockDirectory`. @default only torrents of this process */
  readonly locks?: FileLocks
  /** Options for valid file names. @default those of this system */
  readonly names?: NameOptions
  /** Threads that hash files in rechecks, 0 for none. @default one for each core, at most 4; none with one core */
  readonly hashThreads?: number
  /** The file system of sources and downloads: that of the client. @default that of this machine */
  readonly fs?: EditableFileSystem
  readonly clock?: Clock
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number
  /** Requests .torrent URLs. @default node:http and node:https */
  readonly http?: HttpOpen
}

/** The kind of each option that `Session.open` checks. */
export const SESSION_OPTION_KINDS = {
  client: 'object',
  clock: 'object',
  directory: 'text',
  fs: 'object',
  hashThreads: 'number',
  locks: 'object',
  now: 'function',
  roots: 'array',
  store: 'object',
} as const satisfies Partial<Readonly<Record<keyof SessionOptions, ArgumentKind>>>

/** The torrent is in the session already. */
export class DuplicateTorrentError extends InputError {
  /** The existing torrent. */
  readonly torrent: SessionTorrent

  /** @param torrent the existing torrent */
  constructor(torrent: SessionTorrent) {
    super('ERR_BUSY', `${torrent.name}: the session has this torrent already, as number ${torrent.id}`)
    this.torrent = torrent
  }
}
