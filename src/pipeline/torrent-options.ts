import type net from 'node:net'
import type { Clock } from '../clock.ts'
import type { PeerAddress } from '../codec/compact.ts'
import type { Storage } from '../storage/storage.ts'

export interface TorrentOptions {
  /** Where the bytes go. */
  readonly storage: Storage
  /** Which files are wanted, by index. @default all */
  readonly select?: (fileIndex: number) => boolean
  /** Peers to connect to beside those that trackers name. */
  readonly peers?: readonly PeerAddress[]
  /** Whether the torrent's trackers are asked for peers. @default true */
  readonly trackers?: boolean
  /** The port that trackers are told. @default 6881 */
  readonly port?: number
  /** Connections at most. @default 100 */
  readonly maxPeers?: number
  /** Bytes for everything in flight; pieces take at most half of them, but at least four pieces. @default 64 MiB */
  readonly memory?: number
  /** Lowest piece first. @default false */
  readonly sequential?: boolean
  /** The storage keeps pieces only until they are read in order: none is begun beyond what memory holds. @default false */
  readonly windowed?: boolean
  /** Milliseconds without a verified byte after which it is given up; 0 for never. @default 0 */
  readonly timeout?: number
  readonly clock?: Clock
  /** From 0 to below 1. @default Math.random */
  readonly random?: () => number
  readonly connect?: typeof net.connect
}

/** How a download stands. */
export interface Progress {
  /** Bytes of wanted pieces that are verified and at rest. */
  readonly verified: number
  /** Bytes of wanted pieces. */
  readonly total: number
  /** Bytes a second. */
  readonly downSpeed: number
  readonly upSpeed: number
  readonly peers: number
  readonly seeds: number
  /** Seconds that are left at this speed, or null while it is 0. */
  readonly eta: number | null
  /** Bytes of pieces held in memory. */
  readonly buffered: number
  /** What holds it back. */
  readonly limit: 'network' | 'peers' | 'disk' | 'reader' | 'none'
  /** Bytes of blocks received. */
  readonly downloaded: number
  readonly uploaded: number
  /** Bytes received and thrown away. */
  readonly wasted: number
}
