import { EventEmitter } from 'node:events'
import { describeValue } from '../../codec/quote.ts'
import { InputError } from '../../errors.ts'
import { type Magnet, metainfoOf } from '../../metainfo/magnet.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { type Clock, systemClock } from '../../ports/clock.ts'
import { pick } from '../../ports/pick.ts'
import { MetadataDownload } from '../metadata/metadata-download.ts'
import { isMetainfo } from '../sources/torrent-source.ts'
import type { TorrentNetwork } from './torrent-network.ts'
import type { TorrentOptions } from './torrent-options.ts'

export interface TorrentMetadataEvents {
  /** The metadata is known. */
  complete: [metainfo: Metainfo]
  /** Peers sent metadata that matches the info-hash and is not a valid torrent. */
  failed: [error: Error]
}

/** The metadata of one torrent: known from the start, fetched from peers, or passed to `take`. */
export class TorrentMetadata extends EventEmitter<TorrentMetadataEvents> {
  /** Undefined while it is not known. */
  metainfo: Metainfo | undefined
  /** The download from peers, if one was started. */
  download: MetadataDownload | undefined
  readonly #source: Metainfo | Magnet
  readonly #network: TorrentNetwork
  readonly #options: TorrentOptions
  readonly #clock: Clock

  constructor(source: Metainfo | Magnet, network: TorrentNetwork, options: TorrentOptions) {
    super()
    this.#source = source
    this.#network = network
    this.#options = options
    this.#clock = options.clock ?? systemClock
    if ('hashes' in source) this.metainfo = source
  }

  /** @throws InputError ERR_USAGE while the metadata is not known */
  require(): Metainfo {
    if (this.metainfo) return this.metainfo
    throw new InputError(
      'ERR_USAGE',
      'the metadata of this torrent is not known yet: await torrent.ready first',
    )
  }

  /** Requests the metadata from connected peers, and from those that connect later. */
  fetch(): void {
    const { infoHash, swarm } = this.#network
    const { portableNames } = this.#options
    this.download = new MetadataDownload({ infoHash, swarm, now: () => this.#clock.now() })
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
    const { infoHash } = this.#network
    if (!isMetainfo(metainfo))
      throw new InputError('ERR_USAGE', `metainfo: expected a Metainfo, got ${describeValue(metainfo)}`)
    if (!metainfo.infoHash.equals(infoHash)) {
      const [got, expected] = [metainfo.infoHash, infoHash].map(hash => hash.toString('hex'))
      throw new InputError('ERR_METAINFO', `another torrent, ${got}: expected ${expected}`)
    }
    if (this.metainfo) return
    this.metainfo = metainfo
    this.end()
    this.#network.learnMetainfo(metainfo)
    this.emit('complete', metainfo)
  }

  /** Requests late pieces again. */
  tick(now: number): void {
    this.download?.tick(now)
  }

  /** Sends no more requests. */
  end(): void {
    this.download?.end()
  }
}
