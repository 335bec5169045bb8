import { zonelessBytes } from '../../codec/address-bytes.ts'
import type { PeerSources } from '../../discovery/peer-sources.ts'
import { systemClock } from '../../ports/clock.ts'
import { pick } from '../../ports/pick.ts'
import { Funnel } from '../../streams/torrent/funnel.ts'
import { VERSION } from '../../version.ts'
import type { HashRequests } from '../hashes/hash-requests.ts'
import { createHashRequests } from '../hashes/swarm-hashes.ts'
import { RunBuffers } from '../limits/upload-memory.ts'
import type { Peer } from '../peer/peer.ts'
import type { PeerContext, PeerTorrent } from '../peer/peer-context.ts'
import { createPeerLimits } from '../peer/peer-limits.ts'
import { PeerTotals } from '../peer/peer-totals.ts'
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
  readonly sources: Pick<PeerSources, 'dht' | 'isPrivate'>
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
  #funnel: Funnel | undefined

  constructor(settings: TorrentPeersOptions) {
    const { clock = systemClock, random = Math.random, up: limit, ...options } = settings.options
    const totals = new PeerTotals<Peer>()
    const reputation = new Reputation(() => clock.now())
    const context = createContext(settings, this, totals)
    this.reputation = reputation
    this.context = context
    this.swarm = new Swarm({
      ...{ context, reputation, totals, maxPeers: options.maxPeers ?? DEFAULT_MAX_PEERS },
      ...{ maxPerAddress: options.maxPeersPerAddress, ...pick(options, 'blocklist', 'connections') },
    })
    this.hashes = createHashRequests(this.swarm, () => clock.now())
    this.unchoker = new Unchoker({ context, limit, random, totals })
    this.swarm.on('interest', () => this.unchoker.onInterestChange(clock.now()))
  }

  /** The input for the blocks of all peers and web seeds. It is made at its first use, and again after `dropFunnel`. */
  get funnel(): Funnel {
    this.#funnel ??= new Funnel()
    return this.#funnel
  }

  /** Ends the funnel. */
  dropFunnel(): void {
    this.#funnel?.destroy()
    this.#funnel = undefined
  }
}

/** Its getters return what is so now. */
function createContext(
  settings: TorrentPeersOptions,
  peers: Pick<TorrentPeers, 'funnel'>,
  totals: PeerTotals<Peer>,
): PeerContext {
  const { infoHash, infoHashV2, options, peerId, sources, torrent } = settings
  const { clock = systemClock, encryption = 'prefer', listener, memory, memoryBudget } = options
  const bind = dialledFrom(options.bind)
  return {
    ...{ infoHash, infoHashV2, peerId, encryption, clock, torrent, client: `tsdl ${VERSION}` },
    get funnel() {
      return peers.funnel
    },
    get dht() {
      return sources.dht
    },
    get port() {
      return listener?.port
    },
    get pex() {
      return options.pex !== false && !sources.isPrivate
    },
    load: { waiting: 0 },
    waits: { unchoke: 0, blocks: 0, work: 0 },
    limits: createPeerLimits({
      ...{ clock, totals, memory: memoryBudget ?? memory ?? DEFAULT_MEMORY_BYTES },
      ...{ runs: options.uploadMemory?.runs ?? new RunBuffers(), ...pick(options, 'up', 'down') },
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
