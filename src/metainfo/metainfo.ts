/** The types of a parsed torrent: plain, validated values with paths that are safe to write. */

import type { PeerAddress } from '../codec/compact.ts'

/** A file of a torrent. */
export interface FileEntry {
  /**
   * The safe path relative to the output directory, separated by `/` (see paths.ts). In a multi-file torrent it begins
   * with the torrent's name. Only padding may share a path.
   */
  readonly path: string
  /** The original names below the torrent's name, if `path` differs from them. URLs use these names. */
  readonly spelled?: readonly Uint8Array[]
  /** Length in bytes. */
  readonly length: number
  /** Offset in the torrent, in bytes. */
  readonly offset: number
  /** True for padding (BEP 47), which is all zeros and never stored. */
  readonly pad: boolean
  readonly executable: boolean
  readonly hidden: boolean
  /** The target of a symlink (BEP 47), relative to the output directory and inside it. */
  readonly symlink?: string
  /** The root of the file's Merkle tree (BEP 52), 32 bytes, if the torrent is v2 or hybrid and the file is not empty. */
  readonly piecesRoot?: Buffer
  /** The MD5 hash in the torrent. It is never verified. */
  readonly md5sum?: string
}

/** The format of a torrent: BEP 3, BEP 52, or both in one. */
export type TorrentFormat = 'v1' | 'hybrid' | 'v2'

/** A parsed .torrent (BEP 3, BEP 52). */
export interface Metainfo {
  readonly format: TorrentFormat
  /**
   * The info-hash that trackers, the DHT and peers use, 20 bytes: the SHA-1 hash of the raw bytes of `info`, or if the
   * format is v2, the first 20 bytes of `infoHashV2`.
   */
  readonly infoHash: Buffer
  /** The SHA-256 hash of the raw bytes of `info`, 32 bytes, if the format is v2 or hybrid. */
  readonly infoHashV2?: Buffer
  /** The raw bytes of `info`, which peers request as metadata (BEP 9). */
  readonly info: Buffer
  /** The name of the torrent, safe to write as a file or directory name. */
  readonly name: string
  /** The original name, if `name` differs from it. */
  readonly spelledName?: Uint8Array
  /** Length of all files in bytes, including padding. A v2 torrent has padding between its files, as a hybrid one. */
  readonly length: number
  /** Length of every piece but the last, in bytes. */
  readonly pieceLength: number
  /** Number of pieces. */
  readonly pieceCount: number
  /** The SHA-1 hashes of the pieces in order, 20 bytes each. Empty if the format is v2. */
  readonly hashes: Buffer
  /**
   * The nodes of the pieces in the Merkle trees of their files (BEP 52), in order, 32 bytes each. Missing if the format is
   * v1, or if `piece layers` are missing, which metadata of peers never contains.
   */
  readonly pieceNodes?: Buffer
  readonly files: readonly FileEntry[]
  /** True if the torrent is a directory, even with one file. */
  readonly multiFile: boolean
  readonly private: boolean
  /** A tag that changes the info-hash, as some private trackers require, if the torrent has one. */
  readonly source?: string
  /** Tiers of tracker URLs (BEP 12) without duplicates and empty tiers. */
  readonly trackers: readonly (readonly string[])[]
  /** `url-list`: web seeds (BEP 19). */
  readonly webSeeds: readonly string[]
  /** `httpseeds`: web seeds of BEP 17, if there are any. */
  readonly httpSeeds?: readonly string[]
  /** `nodes`: DHT nodes for bootstrapping (BEP 5), if there are any. */
  readonly nodes?: readonly PeerAddress[]
  readonly comment?: string
  readonly createdBy?: string
  /** Seconds since 1970. */
  readonly creationDate?: number
  /** One sentence for each irregularity that did not prevent parsing. */
  readonly warnings: readonly string[]
}

/** The names of a torrent and its files. */
export type NamedFiles = Pick<Metainfo, 'files' | 'multiFile' | 'name' | 'spelledName'>
