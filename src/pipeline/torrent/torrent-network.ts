import { randomBytes } from 'node:crypto'
import { makePeerId } from '../../codec/peer-id.ts'
import type { PeerSources } from '../../discovery/peer-sources.ts'
import { wireHashOf } from '../../metainfo/info-hashes.ts'
import type { Magnet } from '../../metainfo/magnet.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { systemClock } from '../../ports/clock.ts'
import { Emitter } from '../../ports/emitter.ts'
import type { Funnel } from '../../streams/torrent/funnel.ts'
import { VERSION } from '../../version.ts'
import type { HashRequests } from '../hashes/hash-requests.ts'
import type { Peer } from '../peer/peer.ts'
import type { PeerContext, PeerTorrent } from '../peer/peer-context.ts'
import { DepartedPeers } from '../swarm/departed-peers.ts'
import type { Reputation } from '../swarm/reputation.ts'
import type { Swarm } from '../swarm/swarm.ts'
import { createSources } from './create-sources.ts'
import { TorrentHashes } from './torrent-hashes.ts'
import type { AnnouncedContent, TorrentNetworkEvents } from './torrent-network-events.ts'
import type { TorrentOptions } from './torrent-options.ts'
import { TorrentPeers } from './torrent-peers.ts'
import { TorrentRates } from './torrent-rates.ts'

/** Bytes per second below which the upload of a seed counts as slow, and the milliseconds between two of its ticks. */
const SLOW_UPLOAD_RATE = 65_536
const SLOW_TICK_MS = 1000
/** Missing bytes in announces while they are unknown. 0 would mean a seed. */
const UNKNOWN_LEFT = 16_384

/**
 * The network side of one torrent, the same before and after its metadata is known: the swarm, the sources of peers,
 * the choker, and the port that accepts peers.
 */
export class TorrentNetwork extends Emitter<TorrentNetworkEvents> {
  /** 20 bytes. */
  readonly infoHash: Buffer
  readonly sources: PeerSources
  /** The peers that disconnected last. */
  readonly departed = new DepartedPeers()
  readonly rates = new TorrentRates()
  /** Set once the storage is known. */
  content: AnnouncedContent | undefined
  readonly #hashes: TorrentHashes
  readonly #options: TorrentOptions
  readonly #peerId: Uint8Array
  #peers: TorrentPeers | undefined
  #torrent: PeerTorrent | undefined
  #isStarted = false
  #isPaused = false
  #isClosed = false

  /** @throws InputError for an option that is invalid */
  constructor(source: Metainfo | Magnet, options: TorrentOptions) {
    super()
    const { clock = systemClock, random = Math.random } = options
    const peerId = options.peerId ?? makePeerId(VERSION, randomBytes(12))
    const infoHash = wireHashOf(source)
    this.infoHash = infoHash
    this.#hashes = new TorrentHashes(source)
    this.#options = options
    this.#peerId = peerId
    this.sources = createSources(source, options, {
      ...{ infoHash, peerId, clock, random },
      stats: () => ({
        uploaded: this.uploaded,
        downloaded: this.downloaded,
        left: this.content?.missing ?? UNKNOWN_LEFT,
        partial: this.content?.isPartialSeed ?? false,
      }),
    })
    for (const hash of this.#hashes.all) this.sources.addInfoHash(hash)
    this.sources.on('peers', (peers, name, infoHash) => {
      if (peers.length > 0) this.swarm.add(peers, name, { isV2: this.#hashes.isV2(infoHash) })
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

  /** The state that all peers share; undefined before the first peer, and the first address to dial. */
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

  /** The input for the blocks of all peers and web seeds. */
  get funnel(): Funnel {
    return this.#getPeers().funnel
  }

  /** Ends the funnel; the next use makes another one. */
  dropFunnel(): void {
    this.#peers?.dropFunnel()
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
    if (metainfo.private && !this.sources.isPrivate) {
      this.sources.becomePrivate()
      this.#peers?.swarm.forget(['DHT', 'LSD', 'PEX'])
    }
    this.addSource(metainfo)
    this.#hashes.learn(metainfo)
    if (this.#peers) Object.assign(this.#peers.context, this.#hashes.forPeers)
    for (const hash of this.#hashes.all) this.sources.addInfoHash(hash)
    if (this.#isStarted && !this.#isPaused) this.#open()
  }

  /** The info-hashes under which the torrent has peers, 20 bytes each. */
  get infoHashes(): readonly Buffer[] {
    return this.#hashes.all
  }

  /** Uses the trackers and peers of another source of the torrent. */
  addSource(source: Pick<Magnet, 'trackers'> & Partial<Pick<Magnet, 'peers'>>): void {
    if (this.#options.trackers !== false) this.sources.addTrackers(source.trackers)
    // a torrent that was merged with this one has left the listener and the local network under a hash of both
    if (this.#isStarted && !this.#isPaused) {
      this.#listen()
      this.sources.announceLocally()
    }
    if (source.peers && source.peers.length > 0) this.swarm.add(source.peers, 'option')
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
    const wait = Math.min(untilNothing, swarm.idleTime(now))
    return this.#isSlowSeed(swarm) ? Math.max(wait, SLOW_TICK_MS) : wait
  }

  /** True for a seed that uploads little: hundreds of them tick. Requests that wait for another peer need more ticks. */
  #isSlowSeed(swarm: Swarm): boolean {
    return (
      (this.#torrent?.isUploadOnly ?? false) && this.rates.up < SLOW_UPLOAD_RATE && !swarm.hasDeferredRequests
    )
  }

  /**
   * Closes all connections and leaves all sources of peers until `resume`. Resolves when trackers are notified; never
   * rejects.
   */
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

  /** Closes all connections. Resolves when trackers are notified; never rejects. */
  close(): Promise<void> {
    this.#isClosed = true
    this.#peers?.hashes.end()
    this.#peers?.swarm.close()
    return this.#leave()
  }

  #getPeers(): TorrentPeers {
    if (this.#peers) return this.#peers
    const peers = new TorrentPeers({
      ...this.#hashes.forPeers,
      ...{ peerId: this.#peerId, options: this.#options, torrent: this.#torrent, sources: this.sources },
    })
    this.#peers = peers
    const { swarm } = peers
    swarm.on('connected', peer => this.emit('connected', peer))
    swarm.on('disconnected', (peer, reason) => this.#onDisconnected(peer, reason))
    swarm.on('active', () => this.emit('active'))
    swarm.on('interest', () => this.emit('active'))
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
    this.#listen()
    this.sources.start()
  }

  #listen(): void {
    this.#hashes.listen(this.#options.listener, accepted => this.swarm.accept(accepted))
  }

  #leave(): Promise<void> {
    this.#hashes.leave(this.#options.listener)
    return this.sources.stop()
  }
}
