import { randomBytes } from 'node:crypto'
import type { AddressFamily } from '../codec/address-family.ts'
import { canonicalAddress, type PeerAddress } from '../codec/compact.ts'
import type { Dht } from '../dht/dht.ts'
import { type DhtLookupStatus, DhtPeers } from '../dht/dht-peers.ts'
import type { DiscoveryError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import { Emitter } from '../ports/emitter.ts'
import { VERSION } from '../version.ts'
import type { AnnouncePacer } from './announce-pacer.ts'
import { Announcer } from './announcer.ts'
import type { AnnouncerOptions, TrackerAnnounce } from './announcer-options.ts'
import { forwardDistinctWarnings } from './distinct-warnings.ts'
import type { LocalDiscovery } from './local-discovery.ts'
import { openTracker } from './open-tracker.ts'

/** The DHT of a process, as torrents use it. */
export type SharedDht = Pick<Dht, 'add' | 'lookup' | 'port' | 'readOnly'> & Partial<Pick<Dht, 'size'>>

/** The local discovery of a process, as torrents use it. */
export type SharedLsd = Pick<LocalDiscovery, 'add' | 'remove' | 'on' | 'off'>

export interface PeerSourcesOptions {
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** 20 bytes. */
  readonly peerId: Uint8Array
  /** True if only trackers and the caller may name peers (BEP 27). False while the metadata is missing. @default false */
  readonly private?: boolean
  /** Trackers to ask, in tiers (BEP 12). @default none */
  readonly tiers?: readonly (readonly string[])[]
  /** True if any tracker may be on this machine and its network. @default false */
  readonly allowLocal?: boolean | undefined
  /** The only address family that trackers are asked with. @default both */
  readonly family?: AddressFamily | undefined
  /** Peers that the caller names. @default none */
  readonly peers?: readonly PeerAddress[]
  /** Nodes of the DHT that the torrent names (BEP 5). @default none */
  readonly nodes?: readonly PeerAddress[]
  /** A DHT that is started, or will be. @default none */
  readonly dht?: SharedDht | undefined
  readonly lsd?: SharedLsd | undefined
  /** Returns the port on which we accept peers, if any. */
  readonly port: () => number | undefined
  /** Returns the counters for trackers. */
  readonly stats: AnnouncerOptions['stats']
  /** The key by which trackers recognize us (BEP 7): 32 bits. @default random */
  readonly key?: number
  /** Spreads the announces of several torrents over time. @default each is sent when it is due */
  readonly announcePacer?: AnnouncePacer | undefined
  readonly clock: Clock
  /** Returns a number from 0 to below 1. */
  readonly random: () => number
}

export interface PeerSourcesEvents {
  /** Addresses, and their source: a tracker's name, `DHT`, `LSD` or `option`; and the requested info-hash, if any. */
  peers: [peers: readonly PeerAddress[], source: string, infoHash?: Uint8Array]
  /** A tracker failed, warned or cannot be used. Failures are retried. */
  warning: [error: DiscoveryError]
}

/** The port in announces while we do not listen, because trackers require one. */
const PLACEHOLDER_PORT = 6881

/** The trackers of a torrent, as its callers see them. */
export interface TorrentTrackers {
  /** The usable trackers. */
  readonly trackers: readonly TrackerAnnounce[]
  /** Announces again as soon as the trackers allow it. */
  announce(): void
}

/**
 * The sources of peers for one torrent: trackers, the DHT, local discovery and the caller. It needs only the info-hash. A hybrid
 * torrent has two (BEP 52), and all sources are asked for both.
 */
export class PeerSources extends Emitter<PeerSourcesEvents> implements TorrentTrackers {
  /** One announcer for the trackers known at the start, and one for those that came with the metadata. */
  #announcers: readonly Announcer[] = []
  /** Announcers of the same trackers for further info-hashes. */
  #otherAnnouncers: readonly Announcer[] = []
  #tiers: readonly AnnouncerOptions['tiers'][] = []
  readonly #options: PeerSourcesOptions
  readonly #infoHashes: Uint8Array[]
  /** One for each info-hash. */
  readonly #dhtPeers: DhtPeers[] = []
  #private: boolean
  #running = false

  constructor(options: PeerSourcesOptions) {
    super()
    this.#options = options
    this.#private = options.private ?? false
    this.#infoHashes = [options.infoHash]
    this.addTrackers(options.tiers ?? [])
    this.#addDht(options.infoHash)
  }

  /** Asks all sources for another info-hash of the torrent as well, 20 bytes. */
  addInfoHash(infoHash: Uint8Array): void {
    if (this.#infoHashes.some(known => Buffer.compare(known, infoHash) === 0)) return
    this.#infoHashes.push(infoHash)
    this.#addDht(infoHash)
    const announcers = this.#tiers.map(tiers => this.#createAnnouncer(tiers, infoHash))
    this.#otherAnnouncers = this.#otherAnnouncers.concat(announcers)
    if (!this.#running) return
    for (const announcer of announcers) announcer.start()
    if (this.#private) return
    this.#dhtPeers.at(-1)?.start()
    this.#options.lsd?.add(infoHash, this.#options.port())
  }

  /** The DHT, unless the torrent is private. Handshakes and port messages depend on it. */
  get dht(): SharedDht | undefined {
    return this.#private ? undefined : this.#options.dht
  }

  /** True if only trackers and the caller may name peers (BEP 27). */
  get isPrivate(): boolean {
    return this.#private
  }

  /** The first announcer, if there are trackers. */
  get announcer(): Announcer | undefined {
    return this.#announcers[0]
  }

  /** The usable trackers. */
  get trackers(): TrackerAnnounce[] {
    return this.#announcers.flatMap(announcer => announcer.announces)
  }

  /** The state of the DHT lookups; undefined while there are none. */
  get dhtStatus(): DhtLookupStatus | undefined {
    return this.#dhtPeers[0]?.status
  }

  /** Announces again as soon as the trackers allow it. */
  announce(): void {
    for (const announcer of this.#allAnnouncers) announcer.announceAgain()
  }

  /** Adds trackers, except for those that are known already. */
  addTrackers(added: AnnouncerOptions['tiers']): void {
    const known = new Set(this.#tiers.flat(2))
    const unknown = known.size === 0 ? added : added.map(tier => tier.filter(url => !known.has(url)))
    const tiers = unknown.filter(tier => tier.length > 0).slice() // without the spare room of a list that grew
    if (tiers.length === 0) return
    const [first, ...others] = this.#infoHashes.map(infoHash => this.#createAnnouncer(tiers, infoHash))
    // an array that grows keeps room for sixteen more elements, which thousands of torrents would not use
    this.#tiers = this.#tiers.concat([tiers])
    this.#announcers = this.#announcers.concat(first!)
    this.#otherAnnouncers = this.#otherAnnouncers.concat(others)
    if (this.#running) for (const announcer of [first!, ...others]) announcer.start()
  }

  /** The names of the sources other than trackers, for messages. */
  get others(): string[] {
    const { dht, lsd } = this.#options
    if (this.#private) return []
    return [...(dht ? ['the DHT'] : []), ...(lsd ? ['the local network'] : [])]
  }

  /** Asks all sources until `stop`. */
  start(): void {
    if (this.#running) return
    this.#running = true
    const { dht, lsd, nodes = [], peers = [] } = this.#options
    for (const announcer of this.#allAnnouncers) announcer.start()
    if (peers.length > 0) this.emit('peers', peers.map(canonicalAddress), 'option')
    if (this.#private) return
    if (dht) for (const node of nodes) dht.add(node)
    for (const dhtPeers of this.#dhtPeers) dhtPeers.start()
    lsd?.on('peer', this.#onLocalPeer)
    this.announceLocally()
  }

  /** Announces all info-hashes to the local network, unless they are announced, or the torrent does not use it now. */
  announceLocally(): void {
    const { lsd, port } = this.#options
    if (this.#running && !this.#private) for (const infoHash of this.#infoHashes) lsd?.add(infoHash, port())
  }

  /** Tells the trackers that the download is complete. */
  complete(): void {
    for (const announcer of this.#allAnnouncers) announcer.complete()
  }

  /** Tells the trackers that the selected files are complete and others are missing (BEP 21). */
  becomePartialSeed(): void {
    for (const announcer of this.#allAnnouncers) announcer.becomePartialSeed()
  }

  /** The metadata says that the torrent is private (BEP 27): stops the DHT and local discovery. */
  becomePrivate(): void {
    if (this.#private) return
    this.#private = true
    this.#leaveOthers()
  }

  /** Stops all sources, and sends event=stopped to trackers. Idempotent; never rejects. */
  async stop(): Promise<void> {
    this.#running = false
    this.#leaveOthers()
    await Promise.all(this.#allAnnouncers.map(announcer => announcer.stop()))
  }

  /** A listener that is removed later, because other torrents share the local discovery. */
  readonly #onLocalPeer = (infoHash: Uint8Array, address: PeerAddress): void => {
    const own = this.#infoHashes.find(own => Buffer.compare(infoHash, own) === 0)
    if (own) this.emit('peers', [address], 'LSD', own)
  }

  get #allAnnouncers(): readonly Announcer[] {
    return [...this.#announcers, ...this.#otherAnnouncers]
  }

  #addDht(infoHash: Uint8Array): void {
    const { clock, dht, port, random } = this.#options
    if (!dht) return
    const dhtPeers = new DhtPeers({ dht, torrent: { infoHash }, port, clock, random })
    dhtPeers.on('peers', (peers, source) => this.emit('peers', peers, source, infoHash))
    this.#dhtPeers.push(dhtPeers)
  }

  #leaveOthers(): void {
    const { lsd } = this.#options
    for (const dhtPeers of this.#dhtPeers) dhtPeers.stop()
    lsd?.off('peer', this.#onLocalPeer)
    for (const infoHash of this.#infoHashes) lsd?.remove(infoHash)
  }

  #createAnnouncer(tiers: AnnouncerOptions['tiers'], infoHash: Uint8Array): Announcer {
    const { allowLocal, announcePacer: pacer, clock, family, peerId, port, random, stats } = this.#options
    const trust = allowLocal ? 'all' : 'remote'
    const { key = randomBytes(4).readUInt32BE(0) } = this.#options
    const announcer = new Announcer({
      tiers,
      infoHash,
      peerId,
      port: port() ?? PLACEHOLDER_PORT,
      key,
      pacer,
      clock,
      random,
      stats,
      makeTracker: url => openTracker(url, { userAgent: `tsdl/${VERSION}`, clock, family, trust }),
    })
    announcer.on('peers', (peers, source) => this.emit('peers', peers, source, infoHash))
    // a tracker that fails does so for both info-hashes, so one announcer reports it
    if (infoHash === this.#options.infoHash)
      forwardDistinctWarnings(announcer, error => this.emit('warning', error))
    return announcer
  }
}
