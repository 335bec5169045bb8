import { randomBytes } from 'node:crypto'
import { addAbortListener, EventEmitter } from 'node:events'
import { join } from 'node:path'
import type { AddressFamily } from '../codec/address-family.ts'
import type { AddressRanges } from '../codec/address-ranges.ts'
import { checkArgument, checkBind, checkOptions } from '../codec/check-arguments.ts'
import type { PeerAddress } from '../codec/compact.ts'
import { makePeerId } from '../codec/peer-id.ts'
import { AnnouncePacer } from '../discovery/announce-pacer.ts'
import { InputError, type TsdlError } from '../errors.ts'
import { defaultHashThreads, HashPool } from '../hashing/hash-pool.ts'
import type { Magnet } from '../metainfo/magnet.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { systemClock } from '../ports/clock.ts'
import { type FileSystem, nodeFileSystem } from '../ports/file-system.ts'
import { forwardEvents } from '../ports/forward-events.ts'
import { threadLoopLoad } from '../ports/loop-load.ts'
import { pick } from '../ports/pick.ts'
import { TimerQueue } from '../ports/timer-queue.ts'
import { defaultOpenFiles, OpenFileLimit } from '../storage/open-file-limit.ts'
import { VERSION } from '../version.ts'
import { ADD_OPTION_KINDS, type AddOptions } from './client/add-options.ts'
import { ClientBlocklist } from './client/client-blocklist.ts'
import { CLIENT_OPTION_KINDS } from './client/client-option-kinds.ts'
import type { ClientOptions } from './client/client-options.ts'
import { LazyDht } from './client/lazy-dht.ts'
import { LazyLocalDiscovery } from './client/lazy-local-discovery.ts'
import { TorrentTable } from './client/torrent-table.ts'
import { ConnectionLimit } from './limits/connection-limit.ts'
import { MemoryBudget } from './limits/memory-budget.ts'
import { RateLimit } from './limits/rate-limit.ts'
import { RateShare } from './limits/rate-share.ts'
import { UploadMemory } from './limits/upload-memory.ts'
import { loadFromLink } from './link-sources.ts'
import { MergedTorrentError } from './merged-torrent-error.ts'
import { isMetainfo, loadSource, type TorrentSource } from './sources/torrent-source.ts'
import { Listener } from './swarm/listener.ts'
import { TorrentHashes } from './torrent/torrent-hashes.ts'
import type { TorrentOptions } from './torrent/torrent-options.ts'
import { Torrent } from './torrent.ts'

export type { AddOptions } from './client/add-options.ts'

/** Events of `Client`. */
export interface ClientEvents {
  /** A torrent was added. */
  added: [torrent: Torrent]
  /** A torrent has closed. */
  removed: [torrent: Torrent]
  /** A part of the client failed, such as the DHT; the client continues. */
  warning: [error: TsdlError]
}

const DEFAULT_MEMORY_BYTES = 64 << 20
const DEFAULT_MAX_PEERS = 200

/**
 * Owns what the torrents of one process share: the identity, the port, the DHT and LSD, the rate limits, the connections, the
 * memory and the open files. Nothing is opened before the first torrent needs it.
 */
export class Client extends EventEmitter<ClientEvents> {
  /** The peer id of all torrents, 20 bytes. */
  readonly peerId: Uint8Array
  readonly #options: ClientOptions
  /** 32 bits that identify us to trackers when our address changes (BEP 7). */
  readonly #trackerKey = randomBytes(4).readUInt32BE(0)
  readonly #torrents = new TorrentTable<Torrent>()
  /** Sources, with the peers that were given beside them. */
  readonly #sources = new WeakMap<Torrent, Metainfo | Magnet>()
  /** All torrents share one timer. */
  readonly #clock: TimerQueue
  readonly #announcePacer: AnnouncePacer
  readonly #blocklist: ClientBlocklist
  readonly #connections: ConnectionLimit
  readonly #memory: MemoryBudget
  readonly #openFiles: OpenFileLimit
  readonly #uploadMemory = new UploadMemory()
  readonly #hashPool: HashPool | undefined
  readonly #up: RateLimit | undefined
  readonly #down: RateLimit | undefined
  #listening: Promise<Listener | undefined> | undefined
  #dht: LazyDht | undefined
  #lsd: LazyLocalDiscovery | undefined
  #closing: Promise<void> | undefined

  /** @throws InputError ERR_USAGE that names the invalid option */
  constructor(options: ClientOptions = {}) {
    super()
    checkOptions(options, CLIENT_OPTION_KINDS)
    checkBind(options.bind, options.family)
    const { down, maxOpenFiles, maxPeers, memory, up } = options
    const clock = new TimerQueue(options.clock ?? systemClock)
    this.#options = options
    this.#clock = clock
    this.peerId = options.peerId ?? makePeerId(VERSION, randomBytes(12))
    this.#announcePacer = new AnnouncePacer(clock)
    this.#blocklist = new ClientBlocklist(options.blocklist, pick(options, 'family', 'fs', 'http'))
    this.#connections = new ConnectionLimit(maxPeers ?? DEFAULT_MAX_PEERS)
    this.#memory = new MemoryBudget(memory ?? DEFAULT_MEMORY_BYTES)
    this.#openFiles = new OpenFileLimit(maxOpenFiles ?? defaultOpenFiles())
    const hashThreads = options.hashThreads ?? defaultHashThreads()
    if (hashThreads > 0) this.#hashPool = new HashPool({ threads: hashThreads })
    if (up !== undefined) this.#up = new RateLimit({ rate: up, clock })
    if (down !== undefined) this.#down = new RateLimit({ rate: down, clock })
  }

  /** The file system of sources, downloads and records. */
  get fs(): FileSystem {
    return this.#options.fs ?? nodeFileSystem
  }

  /** The only address family that is used; undefined for both. */
  get family(): AddressFamily | undefined {
    return this.#options.family
  }

  /** The directory for resume records and DHT nodes, if there is one. */
  get stateDirectory(): string | undefined {
    return this.#options.stateDirectory
  }

  /** The blocked addresses. Others replace them at any time, and end the connections that they include. */
  get blocklist(): AddressRanges | undefined {
    return this.#blocklist.ranges
  }

  set blocklist(ranges: AddressRanges | undefined) {
    this.#blocklist.ranges = ranges
  }

  /** Torrents that were added and have not closed. */
  get torrents(): readonly Torrent[] {
    return this.#torrents.all
  }

  /** Returns the torrent with an info-hash, in hex: 40 digits, or 64 for that of v2. */
  get(infoHash: string): Torrent | undefined {
    checkArgument('infoHash', infoHash, 'string')
    return this.#torrents.get(infoHash)
  }

  /**
   * Opens the port that peers connect to, as `add` does. Resolves with the listener, or with `undefined` if `listen` is false.
   * @throws InputError ERR_LISTEN if the port is in use, or the address is not of this machine
   */
  listen(): Promise<Listener | undefined> {
    this.#listening ??= this.#startListening()
    return this.#listening
  }

  /**
   * Loads a source, adds its torrent and starts it. The torrent of a magnet link fetches its metadata: `torrent.ready`
   * resolves with it. Without a `storage` among the options the torrent then waits for `begin`.
   *
   * Rejects with an InputError if the source cannot be read or is not a torrent, if the blocklist cannot be loaded, or
   * if the port cannot be opened (ERR_LISTEN). Rejects with a MergedTorrentError (ERR_BUSY) if the client has the
   * torrent already: the existing torrent gets the trackers and peers of this source. Two links may turn out to be one
   * torrent later; then the second one fails with that error.
   */
  async add(source: TorrentSource, given: AddOptions = {}): Promise<Torrent> {
    checkOptions(given, ADD_OPTION_KINDS)
    const { signal, ...options } = given
    const { family, fs, http, pex, trackers } = this.#options
    const trust = options.allowLocal ? 'all' : 'remote'
    const loading = pick(
      { ...options, family, fs, http },
      'family',
      'fs',
      'http',
      'portableNames',
      'platform',
    )
    const parsed = await loadSource(source, { ...loading, ...pick({ signal }, 'signal') })
    await this.#blocklist.load()
    const listener = await this.listen()
    signal?.throwIfAborted()
    if (this.#closing) throw new InputError('ERR_USAGE', 'add: this client is closed')
    const known = this.#torrents.find(new TorrentHashes(parsed).all)
    if (known) {
      joinSource(known, withPeers(parsed, options.peers))
      throw new MergedTorrentError(known)
    }
    const torrent = new Torrent(parsed, {
      ...pick({ pex, trackers }, 'pex', 'trackers'),
      ...options,
      ...pick(this.#options, 'bind', 'connect', 'encryption', 'family', 'http', 'random'),
      clock: this.#clock,
      ...(this.#options.clock ? {} : { loopLoad: threadLoopLoad }),
      ...(listener ? { listener } : {}),
      ...this.#discovery(listener),
      ...this.#rates(options),
      peerId: this.peerId,
      trackerKey: this.#trackerKey,
      announcePacer: this.#announcePacer,
      blocklist: this.#blocklist,
      connections: this.#connections,
      memoryBudget: this.#memory,
      openFiles: this.#openFiles,
      uploadMemory: this.#uploadMemory,
      ...(this.#hashPool ? { hashPool: this.#hashPool } : {}),
    })
    this.#torrents.add(torrent)
    this.#sources.set(torrent, withPeers(parsed, options.peers))
    torrent.on('close', () => {
      this.#torrents.delete(torrent)
      this.emit('removed', torrent)
    })
    destroyOnAbort(torrent, signal)
    if (!isMetainfo(parsed)) torrent.once('metadata', metainfo => this.#merge(torrent, metainfo))
    this.emit('added', torrent)
    torrent.start()
    if (!isMetainfo(parsed)) loadFromLink(torrent, parsed, { ...loading, trust })
    return torrent
  }

  /** Closes all torrents and the client, and notifies trackers and peers. Idempotent; never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.all(this.torrents.map(torrent => torrent.close()))
    const listener = await this.#listening?.catch(() => undefined)
    listener?.close()
    this.#lsd?.close()
    await this.#dht?.close()
    await this.#hashPool?.close()
    this.#up?.close()
    this.#down?.close()
  }

  async #startListening(): Promise<Listener | undefined> {
    if (this.#options.listen === false) return undefined
    const options = pick(this.#options, 'port', 'lastPort', 'bind', 'family', 'encryption', 'createServer')
    return new Listener({ ...options, clock: this.#clock }).listen()
  }

  /** Merges a torrent with another one if its metadata shows that both are one: links to a hybrid torrent may have either hash. */
  #merge(torrent: Torrent, metainfo: Metainfo): void {
    const other = this.#torrents.add(torrent)
    if (!other) return
    const [kept, merged] = this.#torrents.merge(torrent, other)
    const dialled = merged.peers.filter(({ incoming }) => !incoming).map(({ address }) => address)
    merged.destroy(new MergedTorrentError(kept))
    const source = this.#sources.get(merged)
    if (source) joinSource(kept, withPeers(source, dialled))
    kept.takeMetainfo(metainfo)
  }

  /** Returns the DHT and LSD. They are created for the first torrent, and open their ports when a torrent needs them. */
  #discovery(listener: Listener | undefined): Pick<TorrentOptions, 'dht' | 'lsd'> {
    const { bind, clock, createSocket, dht = true, dhtNodes: bootstrap, lsd = true } = this.#options
    const { family, random } = this.#options
    const { fs, stateDirectory } = this
    const port = listener?.port
    if (dht && !this.#dht) {
      this.#dht = new LazyDht({
        options: {
          readOnly: port === undefined,
          ...pick({ bind, bootstrap, clock, family }, 'bind', 'bootstrap', 'clock', 'family'),
          ...pick({ createSocket, port, random }, 'createSocket', 'port', 'random'),
        },
        record: stateDirectory === undefined ? undefined : { fs, path: join(stateDirectory, 'dht') },
      })
      forwardEvents(this.#dht, this, 'warning')
    }
    const local = pick({ clock, createSocket, family }, 'clock', 'createSocket', 'family')
    if (lsd) this.#lsd ??= new LazyLocalDiscovery(local)
    return { ...(this.#dht ? { dht: this.#dht } : {}), ...(this.#lsd ? { lsd: this.#lsd } : {}) }
  }

  /** Returns the rates of a torrent: its own limits, or its shares of the client's. */
  #rates({ up, down }: AddOptions): Pick<TorrentOptions, 'up' | 'down'> {
    return {
      ...(up === undefined && this.#up ? { up: new RateShare(this.#up) } : pick({ up }, 'up')),
      ...(down === undefined && this.#down ? { down: new RateShare(this.#down) } : pick({ down }, 'down')),
    }
  }
}

/** Returns a source with more peers. */
function withPeers(source: Metainfo | Magnet, peers: readonly PeerAddress[] = []): Metainfo | Magnet {
  if (peers.length === 0) return source
  return { ...source, peers: [...('peers' in source ? source.peers : []), ...peers] }
}

/** Uses the trackers, the peers and the metadata of another source of a torrent. */
function joinSource(torrent: Torrent, source: Metainfo | Magnet): void {
  torrent.addSource(source)
  if (isMetainfo(source)) torrent.takeMetainfo(source)
}

/** Destroys a torrent with the reason of a signal. */
function destroyOnAbort(torrent: Torrent, signal: AbortSignal | undefined): void {
  if (!signal) return
  const listener = addAbortListener(signal, () => torrent.destroy(signal.reason))
  torrent.once('close', () => listener[Symbol.dispose]())
}
