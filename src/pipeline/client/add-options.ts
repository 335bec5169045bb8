import type { ArgumentKind } from '../../codec/check-arguments.ts'
import type { TorrentOptions } from '../torrent/torrent-options.ts'

/** Options of one torrent. The client sets the others. */
export interface AddOptions
  extends Omit<
    TorrentOptions,
    | 'bind'
    | 'blocklist'
    | 'clock'
    | 'connect'
    | 'announcePacer'
    | 'connections'
    | 'dht'
    | 'encryption'
    | 'family'
    | 'http'
    | 'listener'
    | 'lsd'
    | 'memory'
    | 'hashPool'
    | 'memoryBudget'
    | 'openFiles'
    | 'peerId'
    | 'random'
    | 'trackerKey'
    | 'uploadMemory'
  > {
  /** Destroys the torrent with the signal's reason. While the source is loaded, `add` rejects with it. */
  readonly signal?: AbortSignal
}

/** The kinds of those that are checked before the source is loaded. */
export const ADD_OPTION_KINDS = {
  allowLocal: 'boolean',
  peers: 'addresses',
  portableNames: 'boolean',
  select: 'function',
  signal: 'signal',
  timeout: 'number',
  webSeedUrls: 'array',
  webSeeds: 'boolean',
} as const satisfies Partial<Readonly<Record<keyof AddOptions, ArgumentKind>>>
