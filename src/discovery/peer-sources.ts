import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { canonicalAddress, type PeerAddress } from '../codec/compact.ts'
import type { Dht } from '../dht/dht.ts'
import { DhtPeers } from '../dht/dht-peers.ts'
import type { DiscoveryError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import { VERSION } from '../version.ts'
import { Announcer } from './announcer.ts'
import type { AnnouncerOptions } from './announcer-options.ts'
import { forwardDistinctWarnings } from './distinct-warnings.ts'
import type { LocalDiscovery } from './local-discovery.ts'
import { openTracker } from './open-tracker.ts'

/** The one DHT of a process, as far as torrents need it. */
export type SharedDht = Pick<Dht, 'add' | 'lookup' | 'port' | 'readOnly'>

/** The one LSD of a process, as far as torrents need it. */
export type SharedLsd = Pick<LocalDiscovery, 'add' | 'remove' | 'on' | 'off'>

export interface PeerSourcesOptions {
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** 20 bytes. */
  readonly peerId: Uint8Array
  /** Only its trackers and its user may name its peers (BEP 27). @default false, as while a magnet's metadata is missing */
  readonly private?: boolean
  /** Trackers to ask, in tiers (BEP 12). @default none */
  readonly tiers?: readonly (readonly string[])[]
  /** Whether trackers may be of this machine and its network, whatever they look like. @default false */
  readonly allowLocal?: boolean | undefined
  /** Peers that we are told of by whoever started us. @default none */
  readonly peers?: readonly PeerAddress[]
  /** Nodes of the DHT that the torrent names (BEP 5). @default none */
  readonly nodes?: readonly PeerAddress[]
  /** Started, or about to be. @default none */
  readonly dht?: SharedDht | undefined
  readonly lsd?: SharedLsd | undefined
  /** Where we accept peers, if we do. */
  readonly port: () => number | undefined
  /** What trackers are told of our doings. */
  readonly stats: AnnouncerOptions['stats']
  /** 32 bits of chance that trackers know us by. @default by chance */
  readonly key?: number
  readonly clock: Clock
  /** From 0 to below 1. */
  readonly random: () => number
}

export interface PeerSourcesEvents {
  /** Addresses as they come, and who named them: a tracker's name, `DHT`, `LSD` or `option`. */
  peers: [peers: readonly PeerAddress[], source: string]
  /** A tracker failed, warned or can't be used; what can be tried again is. */
  warning: [error: DiscoveryError]
}

/** The port that trackers are told when we listen at none: they want one. */
const NO_PORT = 6881

/** Everything that names peers of one torrent, but for the peers themselves (PEX). Needs its info-hash only. */
export class PeerSources extends EventEmitter<PeerSourcesEvents> {
  /** One for the trackers that were known from the start; another for those that only the metainfo named. */
  readonly #announcers: Announcer[] = []
  readonly #options: PeerSourcesOptions
  readonly #dhtPeers: DhtPeers | undefined
  #private: boolean
  #running = false

  constructor(options: PeerSourcesOptions) {
    super()
    this.#options = options
    this.#private = options.private ?? false
    const { clock, dht, infoHash, port, random, tiers = [] } = options
    this.addTrackers(tiers)
    if (!dht) return
    this.#dhtPeers = new DhtPeers({ dht, torrent: { infoHash }, port, clock, random })
    this.#dhtPeers.on('peers', (peers, source) => this.emit('peers', peers, source))
  }

  /** The DHT, while it may be told and asked of this torrent: what the handshake and port messages go by. */
  get dht(): SharedDht | undefined {
    return this.#private ? undefined : this.#options.dht
  }

  /** The first of its announcers; none when there is no tracker to ask. */
  get announcer(): Announcer | undefined {
    return this.#announcers[0]
  }

  /** Asks these trackers too. */
  addTrackers(tiers: AnnouncerOptions['tiers']): void {
    if (tiers.length === 0) return
    const announcer = this.#ask(tiers)
    this.#announcers.push(announcer)
    if (this.#running) announcer.start()
  }

  /** What is asked beside trackers, in words. */
  get others(): string[] {
    const { dht, lsd } = this.#options
    if (this.#private) return []
    return [...(dht ? ['the DHT'] : []), ...(lsd ? ['the local network'] : [])]
  }

  /** Asks everybody, and goes on asking until `stop`. */
  start(): void {
    if (this.#running) return
    this.#running = true
    const { dht, infoHash, lsd, nodes = [], peers = [], port } = this.#options
    for (const announcer of this.#announcers) announcer.start()
    if (peers.length > 0) this.emit('peers', peers.map(canonicalAddress), 'option')
    if (this.#private) return
    if (dht) for (const node of nodes) dht.add(node)
    this.#dhtPeers?.start()
    lsd?.on('peer', this.#neighbour)
    lsd?.add(infoHash, port())
  }

  /** Says that the download is complete, to those who count. */
  complete(): void {
    for (const announcer of this.#announcers) announcer.complete()
  }

  /** Says that all that is wanted is there, and more is missing (BEP 21). */
  becomePartialSeed(): void {
    for (const announcer of this.#announcers) announcer.becomePartialSeed()
  }

  /** The metadata came, and says that the torrent is private (BEP 27): from now on only trackers and options name peers. */
  becomePrivate(): void {
    if (this.#private) return
    this.#private = true
    this.#leaveOthers()
  }

  /** Ends it, and says goodbye to trackers. Idempotent; never rejects. */
  async stop(): Promise<void> {
    this.#running = false
    this.#leaveOthers()
    await Promise.all(this.#announcers.map(announcer => announcer.stop()))
  }

  /** To be kept: an event of an LSD that other torrents share. */
  readonly #neighbour = (infoHash: Uint8Array, address: PeerAddress): void => {
    if (Buffer.compare(infoHash, this.#options.infoHash) === 0) this.emit('peers', [address], 'LSD')
  }

  #leaveOthers(): void {
    const { infoHash, lsd } = this.#options
    this.#dhtPeers?.stop()
    lsd?.off('peer', this.#neighbour)
    lsd?.remove(infoHash)
  }

  #ask(tiers: AnnouncerOptions['tiers']): Announcer {
    const { allowLocal, clock, infoHash, peerId, port, random, stats } = this.#options
    const trust = allowLocal ? 'all' : 'remote'
    const { key = randomBytes(4).readUInt32BE(0) } = this.#options
    const announcer = new Announcer({
      tiers,
      infoHash,
      peerId,
      port: port() ?? NO_PORT,
      key,
      clock,
      random,
      stats,
      makeTracker: url => openTracker(url, { userAgent: `tsdl/${VERSION}`, clock, trust }),
    })
    announcer.on('peers', (peers, source) => this.emit('peers', peers, source))
    forwardDistinctWarnings(announcer, error => this.emit('warning', error))
    return announcer
  }
}
