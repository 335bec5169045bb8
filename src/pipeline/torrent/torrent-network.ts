import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { makePeerId } from '../../codec/peer-id.ts'
import { PeerSources } from '../../discovery/peer-sources.ts'
import type { TsdlError } from '../../errors.ts'
import { nameOf, truncatedV2 } from '../../metainfo/info-hashes.ts'
import type { Magnet } from '../../metainfo/magnet.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { systemClock } from '../../ports/clock.ts'
import { pick } from '../../ports/pick.ts'
import { Funnel } from '../../streams/torrent/funnel.ts'
import { VERSION } from '../../version.ts'
import type { HashRequests } from '../hashes/hash-requests.ts'
import type { Peer } from '../peer/peer.ts'
import type { PeerContext, PeerTorrent } from '../peer/peer-context.ts'
import { DepartedPeers } from '../swarm/departed-peers.ts'
import type { Reputation } from '../swarm/reputation.ts'
import type { Swarm } from '../swarm/swarm.ts'
import type { TorrentOptions } from './torrent-options.ts'
import { TorrentPeers } from './torrent-peers.ts'
import { TorrentRates } from './torrent-rates.ts'

export interface TorrentNetworkEvents {
  /** Both handshakes with a peer are done. */
  connected: [peer: Peer]
  /** A connected peer has disconnected. */
  disconnected: [peer: Peer, reason: string]
  /** `tick` has something to do again. */
  active: []
  /** A peer or a tracker failed. */
  warning: [error: TsdlError]
}

/** The values of the content for trackers. */
export interface AnnouncedContent {
  /** Bytes of the whole torrent that are missing. */
  readonly missing: number
  /** True if every wanted piece is stored, and others are missing (BEP 21). */
  readonly isPartialSeed: boolean
  /** Bytes of blocks from web seeds. */
  readonly webSeedBytes: number
}

/** Missing bytes in announces while they are unknown. 0 would mean a seed. */
const UNKNOWN_LEFT = 16_384

/**
 * The network side of one torrent, the same before and after its metadata is known: the swarm, the sources of peers,
 * the choker, and the port that accepts peers.
 */
export class TorrentNetwork extends EventEmitter<TorrentNetworkEvents> {
  /** 20 bytes. */
  readonly infoHash: Buffer
  readonly sources: PeerSources
  /** The peers that disconnected last. */
  readonly departed = new DepartedPeers()
  readonly rates = new TorrentRates()
  /** Set once the storage is known. */
  content: AnnouncedContent | undefined
  readonly #source: Metainfo | Magnet
  readonly #options: TorrentOptions
  readonly #peerId: Uint8Array
  #peers: TorrentPeers | undefined
  #torrent: PeerTorrent | undefined
  #funnel: Funnel | undefined
  #isPrivate: boolean
  #isStarted = false
  #isPaused = false
  #isClosed = false

  /** @throws InputError for an option that is invalid */
  constructor(source: Metainfo | Magnet, options: TorrentOptions) {
    super()
    const { clock = systemClock, random = Math.random } = options
    const peerId = options.peerId ?? makePeerId(VERSION, randomBytes(12))
    const infoHash = nameOf(source)
    this.infoHash = infoHash
    this.#source = source
    this.#options = options
    this.#isPrivate = 'hashes' in source && source.private
    this.#peerId = peerId
    this.sources = new PeerSources({
      ...{ infoHash, peerId, clock, random },
      tiers: options.trackers === false ? [] : source.trackers,
      peers: [...('peers' in source ? source.peers : []), ...(options.peers ?? [])],
      ...('hashes' in source ? { private: source.private, ...pick(source, 'nodes') } : {}),
      ...pick({ key: options.trackerKey }, 'key'),
      ...pick(options, 'allowLocal', 'announcePacer', 'dht', 'lsd'),
      port: () => options.listener?.port,
      stats: () => ({
        uploaded: this.uploaded,
        downloaded: this.downloaded,
        left: this.content?.missing ?? UNKNOWN_LEFT,
        partial: this.content?.isPartialSeed ?? false,
      }),
    })
    this.sources.on('peers', (peers, name) => {
      if (peers.length > 0) this.swarm.add(peers, name)
    })
    this.sources.on('warning', error => this.emit('warning', error))
  }

  /** The swarm, which is made at the first use. */
  get swarm(): Swarm {
    return this.#getPeers().swarm
  }

  /** The swarm; undefined before the first peer, and the first address to dial. */
  get activeSwarm(): Swarm | undefined {
    return this.#peers?.swarm
  }

  /** What all peers share; undefined before the first peer, and the first address to dial. */
  get activeContext(): PeerContext | undefined {
    return this.#peers?.context
  }

  /** Requests for hashes of Merkle trees, to the peers that speak BitTorrent v2 (BEP 52). */
  get hashes(): HashRequests<Peer> {
    return this.#getPeers().hashes
  }

  /** The strikes and bans of addresses. */
  get reputation(): Reputation {
    return this.#getPeers().reputation
  }

  /** The limits of one connection. */
  get limits(): PeerContext['limits'] {
    return this.#getPeers().context.limits
  }

  /** Where the blocks of all peers and web seeds come in. */
  get funnel(): Funnel {
    this.#funnel ??= new Funnel()
    return this.#funnel
  }

  /** Ends the funnel; the next use makes another one. */
  dropFunnel(): void {
    this.#funnel?.destroy()
    this.#funnel = undefined
  }

  /** Bytes of blocks, from peers and web seeds. */
  get downloaded(): number {
    return (this.#peers?.swarm.downloaded ?? 0) + (this.content?.webSeedBytes ?? 0)
  }

  /** Bytes of blocks to peers. */
  get uploaded(): number {
    return this.#peers?.swarm.uploaded ?? 0
  }

  /** True once `start` was called. */
  get isStarted(): boolean {
    return this.#isStarted
  }

  /** Accepts peers, and looks for peers to connect to. Idempotent; while paused it takes effect with `resume`. */
  start(): void {
    if (this.#isStarted) return
    this.#isStarted = true
    if (!this.#isPaused) this.#open()
  }

  /** Uses the trackers and the private flag (BEP 27) of the metainfo of a magnet link. */
  learnMetainfo(metainfo: Metainfo): void {
    if (metainfo.private && !this.#isPrivate) {
      this.#isPrivate = true
      this.sources.becomePrivate()
      this.#peers?.swarm.forget(['DHT', 'LSD', 'PEX'])
    }
    if (this.#options.trackers !== false) this.sources.addTrackers(newTiers(metainfo, this.#source))
  }

  /** Exchanges blocks from now on, also with connected peers. */
  beginExchange(torrent: PeerTorrent): void {
    this.#torrent = torrent
    this.#peers?.swarm.begin(torrent)
  }

  /** Tells peers that we have a piece. */
  announcePiece(index: number): void {
    for (const peer of this.#peers?.swarm.peers.keys() ?? []) peer.sendHave(index)
  }

  /** Tells peers that we have lost a piece (BEP 54). */
  withdrawPiece(index: number): void {
    for (const peer of this.#peers?.swarm.peers.keys() ?? []) peer.sendDontHave(index)
  }

  /** Tells trackers and peers that we want no further piece of an incomplete torrent (BEP 21). */
  announcePartialSeed(): void {
    this.sources.becomePartialSeed()
    for (const peer of this.#peers?.swarm.peers.keys() ?? []) peer.sendUploadOnly()
  }

  /**
   * Checks time limits, dials, chokes and measures. Returns the milliseconds until it has something to do again: 0 for a few
   * times per second, Infinity for nothing before the next event `active`.
   */
  tick(now: number): number {
    this.rates.update(this.downloaded, this.uploaded, now)
    const untilNothing = this.rates.isFading ? 0 : Number.POSITIVE_INFINITY
    if (!this.#peers) return untilNothing
    const { hashes, swarm, unchoker } = this.#peers
    swarm.tick(now)
    hashes.tick(now)
    unchoker.tick(now)
    return Math.min(untilNothing, swarm.idleTime(now))
  }

  /** Closes all connections and leaves all sources of peers until `resume`. Resolves when trackers were told; never rejects. */
  pause(): Promise<void> {
    this.#isPaused = true
    this.rates.reset()
    this.#peers?.swarm.pause()
    return this.#isStarted ? this.#leave() : Promise.resolve()
  }

  /** Continues after `pause`. */
  resume(): void {
    this.#isPaused = false
    this.#peers?.swarm.resume()
    if (this.#isStarted) this.#open()
  }

  /** Closes all connections. Resolves when trackers were told; never rejects. */
  close(): Promise<void> {
    this.#isClosed = true
    this.#peers?.hashes.end()
    this.#peers?.swarm.close()
    return this.#leave()
  }

  #getPeers(): TorrentPeers {
    if (this.#peers) return this.#peers
    const peers = new TorrentPeers({
      infoHashV2: truncatedV2(this.#source),
      ...{ infoHash: this.infoHash, peerId: this.#peerId, options: this.#options, torrent: this.#torrent },
      funnel: () => this.funnel,
      dht: () => this.sources.dht,
      isPrivate: () => this.#isPrivate,
    })
    this.#peers = peers
    const { swarm } = peers
    swarm.on('connected', peer => this.emit('connected', peer))
    swarm.on('disconnected', (peer, reason) => this.#onDisconnected(peer, reason))
    swarm.on('active', () => this.emit('active'))
    swarm.on('warning', error => this.emit('warning', error))
    if (this.#isPaused) swarm.pause()
    if (this.#isClosed) {
      peers.hashes.end()
      swarm.close()
    }
    return peers
  }

  #onDisconnected(peer: Peer, reason: string): void {
    const { clock = systemClock } = this.#options
    this.departed.add(peer, reason, clock.now())
    this.emit('disconnected', peer, reason)
  }

  #open(): void {
    const { listener } = this.#options
    listener?.add(this.infoHash, accepted => this.swarm.accept(accepted))
    this.sources.start()
  }

  #leave(): Promise<void> {
    this.#options.listener?.remove(this.infoHash)
    return this.sources.stop()
  }
}

/** Returns the trackers of a metainfo that are not in its magnet link, in tiers. */
function newTiers({ trackers }: Metainfo, { trackers: known }: Metainfo | Magnet): string[][] {
  const urls = new Set(known.flat())
  return trackers.map(tier => tier.filter(url => !urls.has(url))).filter(tier => tier.length > 0)
}
