import type { DhtLookupStatus } from '../../dht/dht-peers.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { Peer } from '../peer/peer.ts'
import { PieceReport } from '../pieces/piece-report.ts'
import type { WebSeedStatus } from '../pieces/web-seeds.ts'
import type { DepartedPeer } from '../swarm/departed-peers.ts'
import type { TorrentParts } from './progress.ts'
import type { RateSample } from './rate-history.ts'

/** The state of one torrent for displays, beyond its progress. It only reads. */
export class TorrentDetails {
  readonly #parts: Pick<TorrentParts, 'content' | 'metainfo' | 'network'>

  /** @internal */
  constructor(parts: Pick<TorrentParts, 'content' | 'metainfo' | 'network'>) {
    this.#parts = parts
  }

  /** The metainfo; undefined while it is not known. */
  get metainfo(): Metainfo | undefined {
    return this.#parts.metainfo
  }

  /** The states of the pieces; undefined before the storage is known. */
  get pieces(): PieceReport | undefined {
    const { content, network } = this.#parts
    return content && new PieceReport(content.pieces, network.activeSwarm?.connected ?? [])
  }

  /** The peers that disconnected last, the last one last. */
  get departed(): Iterable<DepartedPeer> {
    return this.#parts.network.departed
  }

  /** The web seeds in use, and those that wait; none while nothing is downloaded. */
  get webSeeds(): readonly WebSeedStatus[] {
    return this.#parts.content?.webSeeds?.statuses ?? []
  }

  /** The state of the DHT lookups; undefined while there are none. */
  get dht(): DhtLookupStatus | undefined {
    return this.#parts.network.sources.dhtStatus
  }

  /** Yields the rates of the last ten minutes. @param now in milliseconds of the clock */
  listRates(now: number): Iterable<RateSample> {
    return this.#parts.network.rates.list(now)
  }

  /** True if a file is downloaded. */
  isSelected(fileIndex: number): boolean {
    return this.#parts.content?.select?.(fileIndex) ?? true
  }

  /** Returns how we know a peer: `option`, `PEX`, `DHT`, `LSD`, `incoming` or the name of a tracker. */
  sourceOf(peer: Peer): string {
    if (peer.incoming) return 'incoming'
    return this.#parts.network.activeSwarm?.peers.get(peer)?.source ?? 'unknown'
  }
}
