import { describeValue } from '../../codec/quote.ts'
import { InputError } from '../../errors.ts'
import { checkHashes } from '../../metainfo/info-hashes.ts'
import { type Magnet, metainfoOf } from '../../metainfo/magnet.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { lacksLayers } from '../../metainfo/piece-layers.ts'
import { type Clock, systemClock } from '../../ports/clock.ts'
import { Emitter } from '../../ports/emitter.ts'
import { pick } from '../../ports/pick.ts'
import { LayerDownload } from '../hashes/layer-download.ts'
import { MetadataDownload } from '../metadata/metadata-download.ts'
import type { Peer } from '../peer/peer.ts'
import { isMetainfo } from '../sources/torrent-source.ts'
import type { TorrentNetwork } from './torrent-network.ts'
import type { TorrentOptions } from './torrent-options.ts'

export interface TorrentMetadataEvents {
  /** The metadata is known. */
  complete: [metainfo: Metainfo]
  /** Peers sent metadata that matches the info-hash and is not a valid torrent. */
  failed: [error: Error]
}

/** Milliseconds to wait for the piece layers of a hybrid torrent, which can be verified without them. */
const HYBRID_LAYERS_TIMEOUT_MS = 10_000

/** The metadata of one torrent: known from the start, fetched from peers, or passed to `take`. */
export class TorrentMetadata extends Emitter<TorrentMetadataEvents> {
  /** Undefined while it is not known. */
  metainfo: Metainfo | undefined
  /** The download from peers, if one was started. */
  download: MetadataDownload | undefined
  readonly #source: Metainfo | Magnet
  readonly #network: TorrentNetwork
  readonly #options: TorrentOptions
  readonly #clock: Clock
  /** A torrent without its piece layers, while peers are asked for them. */
  #incomplete: Metainfo | undefined
  #layers: LayerDownload<Peer> | undefined
  #hasEnded = false

  constructor(source: Metainfo | Magnet, network: TorrentNetwork, options: TorrentOptions) {
    super()
    this.#source = source
    this.#network = network
    this.#options = options
    this.#clock = options.clock ?? systemClock
    if (!('hashes' in source)) return
    if (lacksLayers(source)) this.#incomplete = source
    else this.metainfo = source
  }

  /** @throws InputError ERR_USAGE while the metadata is not known */
  require(): Metainfo {
    if (this.metainfo) return this.metainfo
    throw new InputError(
      'ERR_USAGE',
      'the metadata of this torrent is not known yet: await torrent.ready first',
    )
  }

  /** True while peers are asked for the piece layers, which is all that is missing. */
  get lacksLayers(): boolean {
    return this.#incomplete !== undefined && !this.metainfo
  }

  /** A number that grows while missing metadata or piece layers arrive. */
  get received(): number {
    return (this.download?.progress.have ?? 0) + (this.#layers?.progress.have ?? 0)
  }

  /** Requests the missing metadata and piece layers from connected peers, and from those that connect later. */
  fetch(): void {
    if (this.#incomplete) {
      this.#fetchLayers(this.#incomplete)
      return
    }
    const { swarm } = this.#network
    const { portableNames } = this.#options
    this.download = new MetadataDownload({ hashes: this.#source, swarm, now: () => this.#clock.now() })
    this.download.once('complete', info => {
      metainfoOf(info, this.#source as Magnet, pick({ portableNames }, 'portableNames'))
        .then(metainfo => this.take(metainfo))
        .catch(error => this.emit('failed', error))
    })
  }

  /**
   * Takes metadata from any source. Does nothing if it is known already.
   * @throws InputError ERR_METAINFO if it is that of another torrent
   */
  take(metainfo: Metainfo): void {
    if (!isMetainfo(metainfo))
      throw new InputError('ERR_USAGE', `metainfo: expected a Metainfo, got ${describeValue(metainfo)}`)
    checkHashes(metainfo, this.#source)
    if (this.metainfo || (this.#incomplete && !metainfo.pieceNodes)) return
    this.download?.end()
    if (!this.#incomplete) this.#network.learnMetainfo(metainfo)
    if (!lacksLayers(metainfo) && !this.#canGetLayers(metainfo)) {
      this.#complete(metainfo)
      return
    }
    this.#incomplete = metainfo
    this.#fetchLayers(metainfo)
  }

  /** Requests late pieces again. */
  tick(now: number): void {
    this.download?.tick(now)
  }

  /** Sends no more requests. */
  end(): void {
    this.#hasEnded = true
    this.download?.end()
  }

  /** Returns true for a hybrid torrent without piece layers if a connected peer may send them. */
  #canGetLayers({ format, pieceNodes }: Metainfo): boolean {
    return format === 'hybrid' && !pieceNodes && this.#network.hashes.hasPeers
  }

  /** Fetches the hashes of the pieces. Without them nothing of a v2 torrent can be verified; a hybrid one is used as v1. */
  #fetchLayers(metainfo: Metainfo): void {
    const isHybrid = metainfo.format === 'hybrid'
    const deadline = isHybrid ? this.#clock.now() + HYBRID_LAYERS_TIMEOUT_MS : Number.POSITIVE_INFINITY
    this.#layers = new LayerDownload(metainfo, this.#network.hashes, deadline)
    this.#layers
      .run()
      .then(pieceNodes => {
        if (this.metainfo || this.#hasEnded) return
        if (pieceNodes) this.#complete({ ...metainfo, pieceNodes })
        else if (isHybrid) this.#complete(metainfo)
      })
      .catch(error => this.emit('failed', error))
  }

  #complete(metainfo: Metainfo): void {
    this.metainfo = metainfo
    this.emit('complete', metainfo)
  }
}
