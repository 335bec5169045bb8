import { zonelessBytes } from '../../codec/address-bytes.ts'
import type { SharedDht } from '../../discovery/peer-sources.ts'
import { systemClock } from '../../ports/clock.ts'
import { pick } from '../../ports/pick.ts'
import type { Funnel } from '../../streams/torrent/funnel.ts'
import { VERSION } from '../../version.ts'
import type { HashRequests } from '../hashes/hash-requests.ts'
import { createHashRequests } from '../hashes/swarm-hashes.ts'
import type { Peer } from '../peer/peer.ts'
import type { PeerContext, PeerTorrent } from '../peer/peer-context.ts'
import { createPeerLimits } from '../peer/peer-limits.ts'
import { Reputation } from '../swarm/reputation.ts'
import { Swarm } from '../swarm/swarm.ts'
import { Unchoker } from '../upload/unchoker.ts'
import { DEFAULT_MEMORY_BYTES, type TorrentOptions } from './torrent-options.ts'

export interface TorrentPeersOptions {
  /** 20 bytes each. */
  readonly infoHash: Uint8Array
  readonly peerId: Uint8Array
  /** The v2 info-hash, truncated to 20 bytes, if the torrent has one. */
  readonly infoHashV2: Uint8Array | undefined
  readonly options: TorrentOptions
  /** Undefined while the metadata is not known. */
  readonly torrent: PeerTorrent | undefined
  /** Returns the input for the blocks of all peers. */
  readonly funnel: () => Funnel
  /** Returns the DHT, unless the torrent is private. */
  readonly dht: () => SharedDht | undefined
  readonly isPrivate: () => boolean
}

const DEFAULT_MAX_PEERS = 100

/** The peers of one torrent, and what they share. It is made for the first peer, or the first address to dial. */
export class TorrentPeers {
  readonly reputation: Reputation
  readonly context: PeerContext
  readonly swarm: Swarm
  readonly unchoker: Unchoker
  /** Requests for hashes of Merkle trees (BEP 52). */
  readonly hashes: HashRequests<Peer>

  constructor(settings: TorrentPeersOptions) {
    const { clock = systemClock, random = Math.random, ...options } = settings.options
    this.reputation = new Reputation(() => clock.now())
    this.context = createContext(settings, () => this.swarm)
    this.swarm = new Swarm({
      context: this.context,
      maxPeers: options.maxPeers ?? DEFAULT_MAX_PEERS,
      maxPerAddress: options.maxPeersPerAddress,
      reputation: this.reputation,
      connections: options.connections,
      blocklist: options.blocklist,
    })
    this.hashes = createHashRequests(this.swarm, () => clock.now())
    this.unchoker = new Unchoker({
      peers: () => this.swarm.peers.keys(),
      seeding: () => this.context.torrent?.isUploadOnly ?? false,
      uploaded: () => this.swarm.uploaded,
      limit: options.up,
      random,
    })
    this.swarm.on('interest', () => this.unchoker.onInterestChange(clock.now()))
  }
}

function createContext(settings: TorrentPeersOptions, swarm: () => Swarm): PeerContext {
  const { dht, funnel, infoHash, infoHashV2, isPrivate, options, peerId, torrent } = settings
  const { clock = systemClock, encryption = 'prefer', listener, memory, memoryBudget } = options
  const bind = dialledFrom(options.bind)
  return {
    ...{ infoHash, infoHashV2, peerId, encryption, clock, dht, torrent, client: `tsdl ${VERSION}` },
    get funnel() {
      return funnel()
    },
    load: { waiting: 0 },
    waits: { unchoke: 0, blocks: 0, work: 0 },
    port: () => listener?.port,
    pex: () => options.pex !== false && !isPrivate(),
    limits: createPeerLimits({
      clock,
      peers: () => swarm().peers.size,
      hasReceived: () => swarm().downloaded > 0,
      memory: () => memoryBudget?.share ?? memory ?? DEFAULT_MEMORY_BYTES,
      ...pick(options, 'up', 'down'),
    }),
    ...pick(options, 'connect', 'family'),
    ...(bind ? { bind } : {}),
  }
}

/** Returns the address to dial from; undefined if the system chooses it. */
function dialledFrom(bind: string | undefined): string | undefined {
  if (bind === undefined) return undefined
  const bytes = zonelessBytes(bind)
  return bytes?.some(byte => byte > 0) ? bind : undefined
}
