import type { Torrent } from '../../pipeline/torrent.ts'
import type { TorrentOptions } from '../../pipeline/torrent-options.ts'

/** What every download is told alike. */
export type Common = Omit<TorrentOptions, 'storage' | 'select' | 'wanted' | 'onDemand' | 'sequential'>

/** Where the bytes go. */
export interface Destination {
  /** Started. */
  readonly torrent: Torrent
  /** Resolves once every byte is where it belongs. */
  transfer(): Promise<void>
  /** The SHA-256 of each file that went there whole, in hex, by path; filled once it is there. */
  readonly digests: Map<string, string>
}
