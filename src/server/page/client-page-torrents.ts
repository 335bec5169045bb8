import { missingBytes } from '../../pipeline/pieces/wanted.ts'
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
  /** True if files can be opened; 'verified' if only those of which all pieces are verified. */
  readonly servesFiles: boolean | 'verified'
}

const ALL_SHOWN: ClientPageOptions = { limits: undefined, servesFiles: true }

/** The torrents of a client without a session. The page shows them and changes nothing. */
export class ClientPageTorrents implements PageTorrents {
  readonly #client: { readonly torrents: Iterable<Torrent> }
  readonly #limits: { readonly up?: number; readonly down?: number }
  readonly #servesFiles: boolean | 'verified'

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
        servesVerified: this.#servesFiles === 'verified',
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

function describeTorrent(
  torrent: Torrent,
  counts: ProgressCounts,
  servesFiles: boolean | 'verified',
): ListedTorrent {
  const size = torrent.details.metainfo?.length
  const status = statusOf(torrent, counts)
  const isWaiting =
    (status === 'downloading' || status === 'metadata') && torrent.waiting && counts.downSpeed < 1
  return {
    ...{
      name: nameOf(torrent),
      status,
      ...(servesFiles === 'verified' ? storedOf(torrent) : wantedOf(counts)),
    },
    ...(size === undefined ? {} : { size }),
    ...{ down: Math.round(counts.downSpeed), up: Math.round(counts.upSpeed) },
    ...(counts.eta === null || status !== 'downloading' ? {} : { eta: Math.round(counts.eta) }),
    ...{ peers: counts.peers, seeds: counts.seeds, uploaded: counts.uploaded },
    ...{ ratio: Math.round(counts.ratio * 100) / 100, labels: [] },
    ...(isWaiting ? { reason: torrent.reason } : {}),
    ...(servesFiles && isReadableState(torrent.state) ? { isReadable: true } : {}),
  }
}

function wantedOf({ total, verified }: ProgressCounts): Pick<ListedTorrent, 'wanted' | 'verified'> {
  return { wanted: total, verified }
}

/** The stored bytes of the whole torrent. Nothing of it is downloaded. */
function storedOf({ details, verified }: Torrent): Pick<ListedTorrent, 'wanted' | 'verified'> {
  const { metainfo } = details
  if (!metainfo) return { wanted: 0, verified: 0 }
  return { wanted: metainfo.length, verified: metainfo.length - missingBytes(metainfo, verified) }
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
