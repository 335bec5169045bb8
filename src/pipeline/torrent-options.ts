import type net from 'node:net'
import type { PeerAddress } from '../codec/compact.ts'
import type { Encryption } from '../codec/mse.ts'
import type { SharedDht, SharedLsd } from '../discovery/peer-sources.ts'
import type { HashPool } from '../hashing/hash-pool.ts'
import type { NameOptions } from '../metainfo/name.ts'
import type { Clock } from '../ports/clock.ts'
import type { HttpOpen } from '../ports/http-client.ts'
import type { ByteLimit } from '../streams/byte-limit.ts'
import type { ConnectionLimit } from './limits/connection-limit.ts'
import type { MemoryBudget } from './limits/memory-budget.ts'
import type { ContentOptions } from './pieces/content-options.ts'
import type { Listener } from './swarm/listener.ts'

/** Bytes for everything in flight, where `memory` does not say how many. */
export const DEFAULT_MEMORY_BYTES = 64 << 20

/**
 * A torrent whose content options are among these begins to exchange blocks as soon as its metadata is known. Without a
 * `storage` it stays at its metadata until `begin` is called.
 */
export interface TorrentOptions extends Partial<ContentOptions>, NameOptions {
  /** Peers to connect to beside those that trackers name. */
  readonly peers?: readonly PeerAddress[]
  /** Whether the torrent's trackers are asked for peers. @default true */
  readonly trackers?: boolean
  /** The DHT of this process, started; closed by whoever made it. Not for private torrents (BEP 27). @default none */
  readonly dht?: SharedDht
  /** The LSD of this process, likewise. @default none */
  readonly lsd?: SharedLsd
  /** Whether peers tell each other of peers (BEP 11). Not for private torrents. @default true */
  readonly pex?: boolean
  /** Whether the web seeds that the torrent names are asked (BEP 17, 19). @default true */
  readonly webSeeds?: boolean
  /**
   * URLs of web seeds (BEP 19) beside those. They may be of this machine or its network with a query, too, which those
   * of a torrent may not. @default none
   */
  readonly webSeedUrls?: readonly string[]
  /**
   * Whether trackers and web seeds that the torrent names, and redirects, may lead to this machine and its network,
   * whatever they look like. @default false: only where the request can be taken for nothing but what it is for
   */
  readonly allowLocal?: boolean
  /** What accepts connections for this torrent, and others. @default none: peers are dialled only */
  readonly listener?: Listener
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
  readonly up?: number | ByteLimit
  readonly down?: number | ByteLimit
  /** Connections at most. @default 100 */
  readonly maxPeers?: number
  /** Connections at most of one IP address, or of the /64 of an IPv6 one; from loopback 16 times as many. @default 4 */
  readonly maxPeersPerAddress?: number
  /** Bytes for everything in flight; pieces take at most half of them, but at least four pieces. @default 64 MiB */
  readonly memory?: number
  /** Milliseconds without a block after which it is given up; 0 for never. @default 0 */
  readonly timeout?: number
  readonly clock?: Clock
  /** From 0 to below 1. @default Math.random */
  readonly random?: () => number
  readonly connect?: typeof net.connect
  /** How web seeds are asked. @default node:http and node:https */
  readonly http?: HttpOpen
  /** An IP address of this machine: peers are dialled from there. @default what the system chooses for each */
  readonly bind?: string
  /** Twenty bytes that name us to peers and trackers. @default by chance */
  readonly peerId?: Uint8Array
  /** 32 bits by which trackers know us when our address changes (BEP 7). @default by chance */
  readonly trackerKey?: number
  /** Connections that several torrents have together. @default none: `maxPeers` alone counts */
  readonly connections?: ConnectionLimit
  /** Memory that several torrents have together, in place of `memory`. @default none */
  readonly memoryBudget?: MemoryBudget
  /** Threads that hash files in the initial check. @default none: the main thread hashes */
  readonly hashPool?: HashPool
}
