import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import { type Clock, systemClock } from '../clock.ts'
import { makePeerId } from '../codec/peer-id.ts'
import { LocalDiscovery } from '../discovery/local-discovery.ts'
import { InputError, type TsdlError } from '../errors.ts'
import type { Magnet } from '../metainfo/magnet.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { pick } from '../pick.ts'
import { nodeFileSystem } from '../storage/file-system.ts'
import { VERSION } from '../version.ts'
import type { ClientOptions } from './client-options.ts'
import { ConnectionLimit } from './connection-limit.ts'
import { LazyDht } from './lazy-dht.ts'
import { Listener } from './listener.ts'
import { MemoryBudget } from './memory-budget.ts'
import { RateLimit } from './rate-limit.ts'
import { RateShare } from './rate-share.ts'
import { Torrent } from './torrent.ts'
import type { TorrentOptions } from './torrent-options.ts'

export interface ClientEvents {
  /** A torrent was added. */
  added: [torrent: Torrent]
  /** A torrent has closed. */
  removed: [torrent: Torrent]
  /** The DHT or the listener failed in part; the client goes on. */
  warning: [error: TsdlError]
}

/** What a torrent of a client takes from the client. */
export type OwnTorrentOptions = Omit<
  TorrentOptions,
  'peerId' | 'trackerKey' | 'listener' | 'dht' | 'lsd' | 'connections' | 'memory' | 'clock'
>

/** A port that the DHT shares with the listener, which has none. */
const DEFAULT_MEMORY_BYTES = 64 << 20
const DEFAULT_MAX_PEERS = 200

/**
 * Everything that torrents of one process share: the identity, the port, the DHT and LSD, the rate limits, the
 * connections and the memory. Nothing is opened before the first torrent needs it.
 */
export class Client extends EventEmitter<ClientEvents> {
  /** Twenty bytes: one identity for all torrents in all of their states. */
  readonly peerId: Uint8Array
  readonly #options: ClientOptions
  readonly #clock: Clock
  /** 32 bits by which trackers know us when our address changes (BEP 7). */
  readonly #trackerKey = randomBytes(4).readUInt32BE(0)
  readonly #torrents = new Map<string, Torrent>()
  readonly #connections: ConnectionLimit
  readonly #memory: MemoryBudget
  readonly #up: RateLimit | undefined
  readonly #down: RateLimit | undefined
  #listening: Promise<Listener | undefined> | undefined
  #dht: LazyDht | undefined
  #lsd: LocalDiscovery | undefined
  #closing: Promise<void> | undefined

  constructor(options: ClientOptions = {}) {
    super()
    const { clock = systemClock, down, maxPeers, memory, up } = options
    this.#options = options
    this.#clock = clock
    this.peerId = options.peerId ?? makePeerId(VERSION, randomBytes(12))
    this.#connections = new ConnectionLimit(maxPeers ?? DEFAULT_MAX_PEERS)
    this.#memory = new MemoryBudget(memory ?? DEFAULT_MEMORY_BYTES)
    if (up !== undefined) this.#up = new RateLimit({ rate: up, clock })
    if (down !== undefined) this.#down = new RateLimit({ rate: down, clock })
  }

  /** Torrents that were added and have not closed. */
  get torrents(): readonly Torrent[] {
    return [...this.#torrents.values()]
  }

  /** The torrent of this info-hash, in hex. */
  get(infoHash: string): Torrent | undefined {
    return this.#torrents.get(infoHash)
  }

  /**
   * Opens the port that peers connect to. `add` does so itself.
   * @returns the listener, or undefined with `listen: false`
   * @throws InputError ERR_LISTEN when the port is taken or the address is not of this machine
   */
  listen(): Promise<Listener | undefined> {
    this.#listening ??= this.#startListening()
    return this.#listening
  }
}
