import type net from 'node:net'
import type { AddressFamily } from '../../codec/address-family.ts'
import type { PeerAddress } from '../../codec/compact.ts'
import type { Encryption } from '../../codec/mse.ts'
import type { AnnouncePacer } from '../../discovery/announce-pacer.ts'
import type { SharedDht, SharedLsd } from '../../discovery/peer-sources.ts'
import type { HashPool } from '../../hashing/hash-pool.ts'
import type { NameOptions } from '../../metainfo/name.ts'
import type { Clock } from '../../ports/clock.ts'
import type { HttpOpen } from '../../ports/http-client.ts'
import type { LoopLoad } from '../../ports/loop-load.ts'
import type { OpenFileLimit } from '../../storage/open-file-limit.ts'
import type { ByteLimit } from '../../streams/byte-limit.ts'
import type { ConnectionLimit } from '../limits/connection-limit.ts'
import type { MemoryBudget } from '../limits/memory-budget.ts'
import type { UploadMemory } from '../limits/upload-memory.ts'
import type { ContentOptions } from '../pieces/content-options.ts'
import type { Blocklist } from '../swarm/blocklist.ts'
import type { Listener } from '../swarm/listener.ts'

/** Bytes for everything in flight, where `memory` does not say how many. */
export const DEFAULT_MEMORY_BYTES = 64 << 20

/**
 * Options of a torrent. With a `storage` it exchanges blocks as soon as its metadata is known. Without one it waits for
 * `begin`.
 */
export interface TorrentOptions extends Partial<ContentOptions>, NameOptions {
  /** Peers to connect to, besides those that trackers name. @default none */
  readonly peers?: readonly PeerAddress[]
  /** True to ask the torrent's trackers for peers. @default true */
  readonly trackers?: boolean
  /** A started DHT, which its owner closes. Not used for private torrents (BEP 27). @default none */
  readonly dht?: SharedDht
  /** A local service discovery, which its owner closes. Not used for private torrents. @default none */
  readonly lsd?: SharedLsd
  /** True to exchange addresses with peers (BEP 11). Not used for private torrents. @default true */
  readonly pex?: boolean
  /** True to use the web seeds that the torrent names (BEP 17, 19). @default true */
  readonly webSeeds?: boolean
  /**
   * URLs of further web seeds (BEP 19). Unlike those of a torrent, they may lead to this machine and its network with a
   * query. @default none
   */
  readonly webSeedUrls?: readonly string[]
  /**
   * True if all trackers, web seeds and redirects may lead to this machine and its network. @default false: only requests
   * that cannot be taken for anything but an announce or a file
   */
  readonly allowLocal?: boolean
  /** Accepts connections for this torrent. It may be shared with others. @default none: peers are only dialled */
  readonly listener?: Listener
  /** True to continue sharing when the torrent is complete at its start. @default false */
  readonly share?: boolean
  /** True to show each peer one piece at a time (BEP 16): for a seed that is the only one. @default false */
  readonly superSeed?: boolean
  /**
   * `prefer`: peers are dialled without encryption (MSE), and again with it where that is refused. `require`: only with
   * it. `off`: never. The listener has an option of its own. @default 'prefer'
   */
  readonly encryption?: Encryption
  /** Maximum bytes per second to all peers. @default no limit */
  readonly up?: number | ByteLimit
  /** Maximum bytes per second from all peers and web seeds. @default no limit */
  readonly down?: number | ByteLimit
  /** Maximum number of connections. @default 100 */
  readonly maxPeers?: number
  /** Maximum number of connections of one IPv4 address or IPv6 /64; 16 times as many from loopback. @default 4 */
  readonly maxPeersPerAddress?: number
  /** Bytes for everything in flight. Pieces take at most half of them, but at least four pieces. @default 64 MiB */
  readonly memory?: number
  /** Milliseconds without a block after which a torrent that waits for peers fails; 0 for never. @default 0 */
  readonly timeout?: number
  /** @default the clock of the machine, without the time in which the process does not run */
  readonly clock?: Clock
  /** Measures how busy the event loop is. @default this thread's, unless there is a `clock` @internal */
  readonly loopLoad?: LoopLoad
  /** Returns a number from 0 up to, but not including, 1. @default Math.random */
  readonly random?: () => number
  /** Opens connections. @default net.connect */
  readonly connect?: typeof net.connect
  /** Sends the requests to web seeds. @default node:http and node:https */
  readonly http?: HttpOpen
  /** The IP address of this machine to dial from. @default the system chooses one for each connection */
  readonly bind?: string
  /** The only address family of peers, trackers and web seeds. The listener has an option of its own. @default both */
  readonly family?: AddressFamily
  /** The 20 bytes that identify us to peers and trackers. @default random */
  readonly peerId?: Uint8Array
  /** The 32 bits by which trackers recognise us when our address changes (BEP 7). @default random */
  readonly trackerKey?: number
  /** Spreads the announces of several torrents over time. @default each is sent when it is due @internal */
  readonly announcePacer?: AnnouncePacer
  /** A limit of connections that several torrents share. @default none: only `maxPeers` applies @internal */
  readonly connections?: ConnectionLimit
  /** Addresses that are not connected to, unless they are among `peers`. @default none @internal */
  readonly blocklist?: Blocklist
  /** A budget of memory that several torrents share, in place of `memory`. @default none @internal */
  readonly memoryBudget?: MemoryBudget
  /** Memory for uploads that several torrents share. @default the torrent has its own @internal */
  readonly uploadMemory?: UploadMemory
  /** A limit of open files that the storages of several torrents share. @default each storage has its own @internal */
  readonly openFiles?: OpenFileLimit
  /** Threads that hash files in the initial check, and pieces of a fast download. @default none: the main thread hashes @internal */
  readonly hashPool?: HashPool
}
