import type { Metainfo } from '../../../metainfo/metainfo.ts'
import { RATE_SAMPLE_MS } from '../../../pipeline/torrent/rate-history.ts'
import type { Torrent } from '../../../pipeline/torrent.ts'
import type { Clock } from '../../../ports/clock.ts'
import { pick } from '../../../ports/pick.ts'
import { magnetLinkOf } from '../../../session/torrent/magnet-link.ts'
import type { PageTorrent } from '../page-torrents.ts'
import type { Topic } from '../topic.ts'
import type { ListedFacts, ListedPieces, ListedRates, TorrentDocument } from '../torrent-documents.ts'
import { KnownMetainfo } from './known-metainfo.ts'
import { listSources } from './list-sources.ts'
import { MediaFiles } from './media-files.ts'
import { PieceMap } from './piece-map.ts'
import { PieceWatch } from './piece-watch.ts'
import type { WallTimes } from './wall-times.ts'

/** The topic of one torrent: its state, map of pieces, rates, and sources of peers. */
export class TorrentTopic implements Topic {
  readonly #find: () => PageTorrent | undefined
  readonly #clock: Clock
  readonly #times: WallTimes
  readonly #metainfo = new KnownMetainfo()
  readonly #watch = new PieceWatch(index => this.#map?.note(index))
  #map: PieceMap | undefined
  /** The values that are computed once from the metainfo. */
  #known:
    | {
        readonly metainfo: Metainfo
        readonly facts: ListedFacts
        readonly magnet: string
        readonly media: MediaFiles
      }
    | undefined

  constructor(find: () => PageTorrent | undefined, clock: Clock, times: WallTimes) {
    this.#find = find
    this.#clock = clock
    this.#times = times
  }

  describe(): TorrentDocument | undefined {
    const found = this.#find()
    if (!found) return undefined
    const { infoHash, stored, torrent } = found
    const metainfo = this.#metainfo.get(found)
    if (metainfo && this.#known?.metainfo !== metainfo)
      this.#known = {
        ...{ metainfo, facts: factsOf(metainfo), magnet: magnetLinkOf(metainfo) },
        media: new MediaFiles(metainfo),
      }
    const directory = stored?.record.directory
    const media = this.#known?.media.findPlayable(found)
    const pieces = this.#describePieces(torrent)
    const [awaited] = torrent?.details.pieces?.listAwaited() ?? []
    const urls = {
      trackers: (stored?.record.trackers ?? metainfo?.trackers ?? []).flat(),
      webSeeds: metainfo?.webSeeds ?? [],
    }
    return {
      torrent: found.describe(),
      ...explain(torrent),
      magnet: this.#known?.magnet ?? stored?.record.link ?? `magnet:?xt=urn:btih:${infoHash}`,
      ...(this.#known
        ? { facts: { ...this.#known.facts, ...pick({ directory, media }, 'directory', 'media') } }
        : {}),
      ...(pieces ? { pieces } : {}),
      rates: this.#describeRates(torrent),
      ...listSources(torrent, urls, this.#times),
      ...(awaited ? { awaited } : {}),
    }
  }

  close(): void {
    this.#watch.close()
  }

  #describePieces(torrent: Torrent | undefined): ListedPieces | undefined {
    const report = torrent?.details.pieces
    const isOther = this.#watch.follow(torrent)
    if (!report) return undefined
    if (isOther || !this.#map) this.#map = new PieceMap(report.verified.size)
    return this.#map.update(report)
  }

  #describeRates(torrent: Torrent | undefined): ListedRates {
    const now = this.#clock.now()
    const samples: Record<string, readonly [number, number]> = {}
    for (const { down, slot, up } of torrent?.details.listRates(now) ?? []) samples[slot] = [down, up]
    return { sampleMs: RATE_SAMPLE_MS, now: Math.floor(now / RATE_SAMPLE_MS), samples }
  }
}

function explain(torrent: Torrent | undefined): Pick<TorrentDocument, 'outcomes' | 'why'> {
  const { kind = 'none', outcomes = [], sentence = '' } = torrent?.bottleneck ?? {}
  if (kind === 'none') return {}
  const entries = outcomes.map(({ address, outcome }) => [address, outcome] as const)
  return { why: sentence, ...(entries.length > 0 ? { outcomes: Object.fromEntries(entries) } : {}) }
}

function factsOf(metainfo: Metainfo): ListedFacts {
  const { comment, createdBy, creationDate, files, length, pieceLength, source } = metainfo
  return {
    ...{ size: length, files: files.filter(({ pad }) => !pad).length, pieceLength },
    ...(comment ? { comment } : {}),
    ...(createdBy ? { createdBy } : {}),
    ...(creationDate ? { created: creationDate * 1000 } : {}),
    ...(metainfo.private ? { isPrivate: true } : {}),
    ...(source ? { source } : {}),
  }
}
