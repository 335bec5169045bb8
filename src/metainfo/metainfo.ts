/** What a torrent is, once parsed: plain values, checked, with paths that are safe to write. */

import type { PeerAddress } from '../codec/compact.ts'

/** One file of a torrent. */
export interface FileEntry {
  /**
   * Relative to the output directory, `/` between names, made safe (see paths.ts); the torrent's own name comes
   * first where the torrent is a directory. No two files share one, but for padding.
   */
  readonly path: string
  /** The names below the torrent's own as the torrent spells them, where `path` had to differ: URLs have these. */
  readonly spelled?: readonly Uint8Array[]
  /** Bytes. */
  readonly length: number
  /** Bytes from the start of the torrent. */
  readonly offset: number
  /** Padding (BEP 47): all zeros, never stored. */
  readonly pad: boolean
  readonly executable: boolean
  readonly hidden: boolean
  /** Where a symlink (BEP 47) points, relative to the output directory and inside it. */
  readonly symlink?: string
  /** As the torrent gives it; never checked. */
  readonly md5sum?: string
}

/** A parsed .torrent (BEP 3, v1). */
export interface Metainfo {
  /** SHA-1 over the raw bytes of `info`: 20 bytes. */
  readonly infoHash: Buffer
  /** The raw bytes of `info`, as peers ask each other for them (BEP 9). */
  readonly info: Buffer
  readonly name: string
  /** The name as the torrent spells it, where `name` had to differ. */
  readonly spelledName?: Uint8Array
  /** Bytes of all files, padding included. */
  readonly length: number
  /** Bytes of every piece but the last. */
  readonly pieceLength: number
  /** How many pieces there are. */
  readonly pieceCount: number
  /** The pieces' SHA-1 hashes, 20 bytes each, in order. */
  readonly hashes: Buffer
  readonly files: readonly FileEntry[]
  /** Whether the torrent names a directory of files (even one) rather than one file. */
  readonly multiFile: boolean
  readonly private: boolean
  /** Tiers of tracker URLs (BEP 12), duplicates and empty tiers removed. */
  readonly trackers: readonly (readonly string[])[]
  /** `url-list` (BEP 19). */
  readonly webSeeds: readonly string[]
  /** `httpseeds` (BEP 17), where the torrent names any. */
  readonly httpSeeds?: readonly string[]
  /** DHT nodes to begin with (BEP 5), where the torrent names any. */
  readonly nodes?: readonly PeerAddress[]
  readonly comment?: string
  readonly createdBy?: string
  /** Seconds since 1970. */
  readonly creationDate?: number
  /** What was odd but could be read, a sentence each. */
  readonly warnings: readonly string[]
}
