import type net from 'node:net'
import type { Clock } from '../clock.ts'
import type { Bitfield } from '../codec/bitfield.ts'
import type { PeerAddress } from '../codec/compact.ts'
import type { Encryption } from '../codec/mse.ts'
import type { Storage } from '../storage/storage.ts'
import type { Listener } from './listener.ts'
import type { Resume } from './stock.ts'

export interface TorrentOptions {
  /** Where the bytes go. */
  readonly storage: Storage
  /** Which files are wanted, by index. @default all */
  readonly select?: (fileIndex: number) => boolean
  /** Peers to connect to beside those that trackers name. */
  readonly peers?: readonly PeerAddress[]
  /** Whether the torrent's trackers are asked for peers. @default true */
  readonly trackers?: boolean
  /** What accepts connections for this torrent, and others. @default none: peers are dialled only */
  readonly listener?: Listener
  /** What an earlier run left word of: pieces that need not be hashed again. @default none */
  readonly resume?: Resume
  /** Pieces that are known to be right and at rest: they are not looked at. @default none */
  readonly trusted?: Bitfield
  /** Whether to go on sharing when all is there. @default false: it is left to whoever listens for `done` */
  readonly share?: boolean
  /** Whether to let each peer know of one piece at a time (BEP 16): for a seed that is the only one. @default false */
  readonly superSeed?: boolean
  /**
   * `prefer`: peers are dialled without encryption (MSE), and at once with it where that is refused; `require`: only
   * with it; `off`: never. The listener has its own of that name. @default 'prefer'
   */
  readonly encryption?: Encryption
  /** Bytes a second at most, to all peers, and from all. @default no limit */
  readonly up?: number
  readonly down?: number
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
  /** Twenty bytes that name us to peers and trackers. @default by chance */
  readonly peerId?: Uint8Array
}
