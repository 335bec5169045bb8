import type { ProgressCounts } from '../../pipeline/torrent/progress.ts'
import type { Torrent } from '../../pipeline/torrent.ts'
import { isReadableState } from '../served-torrents.ts'
import type { ListDocument, ListedStatus, ListedTorrent } from './documents.ts'
import type { PageTorrent, PageTorrents } from './page-torrents.ts'
import { sumOf } from './page-totals.ts'

/** Options of `ClientPageTorrents`. */
export interface ClientPageOptions {
  /** The rate limits of the client in bytes per second. */
  readonly limits: { readonly up?: number; readonly down?: number } | undefined
  /** True if files can be opened. */
  readonly servesFiles: boolean
}

const ALL_SHOWN: ClientPageOptions = { limits: undefined, servesFiles: true }

/** The torrents of a client without a session. The page shows them and changes nothing. */
export class ClientPageTorrents implements PageTorrents {
  readonly #client: { readonly torrents: Iterable<Torrent> }
  readonly #limits: { readonly up?: number; readonly down?: number }
  readonly #servesFiles: boolean

  constructor(client: { readonly torrents: Iterable<Torrent> }, options: ClientPageOptions = ALL_SHOWN) {
    this.#client = client
    this.#limits = options.limits ?? {}
    this.#servesFiles = options.servesFiles
  }

  get(infoHash: string): PageTorrent | undefined {
    for (const torrent of this.#client.torrents) {
      if (torrent.infoHash.toString('hex') !== infoHash) continue
      return {
        ...{ infoHash, name: nameOf(torrent), torrent, stored: undefined },
        describe: () => describeTorrent(torrent, torrent.counts, this.#servesFiles),
        loadMetainfo: async () => torrent.metainfo,
      }
    }
    return undefined
  }

  describe(): ListDocument {
    const torrents: Record<string, ListedTorrent> = {}
    const sums = { downloaded: 0, uploaded: 0 }
    for (const torrent of this.#client.torrents) {
      const { counts } = torrent
      sums.downloaded += counts.downloaded
      sums.uploaded += counts.uploaded
      torrents[torrent.infoHash.toString('hex')] = describeTorrent(torrent, counts, this.#servesFiles)
    }
    const { down, up } = this.#limits
    const limits = {
      ...(down === undefined ? {} : { downLimit: down }),
      ...(up === undefined ? {} : { upLimit: up }),
    }
    return { client: { ...sumOf(torrents), ...sums, ...limits }, torrents }
  }

  close(): void {}
}

function describeTorrent(torrent: Torrent, counts: ProgressCounts, servesFiles: boolean): ListedTorrent {
  const size = torrent.details.metainfo?.length
  const status = statusOf(torrent, counts)
  const isWaiting =
    (status === 'downloading' || status === 'metadata') && torrent.waiting && counts.downSpeed < 1
  return {
    ...{ name: nameOf(torrent), status, wanted: counts.total, verified: counts.verified },
    ...(size === undefined ? {} : { size }),
    ...{ down: Math.round(counts.downSpeed), up: Math.round(counts.upSpeed) },
    ...(counts.eta === null || status !== 'downloading' ? {} : { eta: Math.round(counts.eta) }),
    ...{ peers: counts.peers, seeds: counts.seeds, uploaded: counts.uploaded },
    ...{ ratio: Math.round(counts.ratio * 100) / 100, labels: [] },
    ...(isWaiting ? { reason: torrent.reason } : {}),
    ...(servesFiles && isReadableState(torrent.state) ? { isReadable: true } : {}),
  }
}

function nameOf(torrent: Torrent): string {
  return torrent.details.metainfo?.name ?? torrent.infoHash.toString('hex')
}

function statusOf({ state, waiting }: Torrent, counts: ProgressCounts): ListedStatus {
  if (state === 'new') return 'waiting'
  if (state === 'paused' || state === 'closed') return 'stopped'
  // a torrent on demand asks for nothing while no reader waits
  if (state === 'downloading' && counts.limit === 'reader' && !waiting && counts.downSpeed < 1) return 'idle'
  return state
}
