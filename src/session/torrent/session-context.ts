import type { EventEmitter } from 'node:events'
import type { TsdlError } from '../../errors.ts'
import type { HashPool } from '../../hashing/hash-pool.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { NameOptions } from '../../metainfo/name.ts'
import type { AddOptions, Client } from '../../pipeline/client.ts'
import type { Bottleneck } from '../../pipeline/diagnosis/bottleneck.ts'
import type { MergedTorrentError } from '../../pipeline/merged-torrent-error.ts'
import type { Clock } from '../../ports/clock.ts'
import type { EditableFileSystem } from '../../ports/file-system.ts'
import type { FileLocks } from '../../storage/file-locks.ts'
import type { SessionSettings } from '../records/session-record.ts'
import type { SeedRule } from '../rules/seed-rules.ts'
import type { Transferred } from '../rules/transfer-meter.ts'
import type { StateStore } from '../store/state-store.ts'
import type { SessionRates } from './session-rates.ts'

/** Events of torrents for their session; `id` is the number of the torrent. */
export interface ContextEvents {
  metadata: [id: number, metainfo: Metainfo]
  completed: [id: number]
  finished: [id: number, rule: SeedRule]
  failed: [id: number, error: TsdlError]
  /** The torrent was stopped, because another torrent of the client turned out to be the same one. */
  merged: [id: number, error: MergedTorrentError]
  bottleneck: [id: number, bottleneck: Bottleneck]
  changed: [id: number]
  warning: [id: number, error: TsdlError]
  /** The session has to decide again which torrents run. */
  unsettled: []
  transferred: [bytes: Transferred]
}

/** What the torrents of a session share, and the emitter of their events. */
export interface SessionContext {
  readonly events: EventEmitter<ContextEvents>
  readonly client: Client
  readonly store: StateStore
  readonly fs: EditableFileSystem
  readonly clock: Clock
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly rates: SessionRates
  readonly names: NameOptions
  /** Options of all torrents in the client. */
  readonly torrentOptions: Pick<AddOptions, 'allowLocal' | 'maxPeersPerAddress' | 'webSeeds'>
  /** Keeps other processes from writing the same files. */
  readonly locks: FileLocks | undefined
  readonly hashPool: HashPool | undefined
  /** The owner of the present settings. */
  readonly stored: { readonly settings: SessionSettings }
  /** Runs checks of files one after the other. */
  readonly checks: { add<T>(work: () => Promise<T>): Promise<T> }
}
