import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { Torrent } from '../../pipeline/torrent.ts'
import type { ListDocument, ListedStatus, ListedTorrent } from './documents.ts'
import type { PageTorrent, PageTorrents } from './page-torrents.ts'
import { sumOf } from './page-totals.ts'

/** The states in which files can be read. */
const READABLE_STATES = new Set(['checking', 'downloading', 'seeding'])

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
        describe: () => describeTorrent(torrent, this.#servesFiles),
        loadMetainfo: async () => torrent.metainfo,
      }
    }
    return undefined
  }

  describe(): ListDocument {
    const torrents: Record<string, ListedTorrent> = {}
    const sums = { downloaded: 0, uploaded: 0 }
    for (const torrent of this.#client.torrents) {
      const { progress } = torrent
      sums.downloaded += progress.downloaded
      sums.uploaded += progress.uploaded
      torrents[torrent.infoHash.toString('hex')] = describeTorrent(torrent, this.#servesFiles)
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

function describeTorrent(torrent: Torrent, servesFiles: boolean): ListedTorrent {
  const { progress } = torrent
  const size = metainfoOf(torrent)?.length
  const status = statusOf(torrent)
  const isWaiting =
    (status === 'downloading' || status === 'metadata') && torrent.waiting && progress.downSpeed < 1
  return {
    ...{ name: nameOf(torrent), status, wanted: progress.total, verified: progress.verified },
    ...(size === undefined ? {} : { size }),
    ...{ down: Math.round(progress.downSpeed), up: Math.round(progress.upSpeed) },
    ...(progress.eta === null || status !== 'downloading' ? {} : { eta: Math.round(progress.eta) }),
    ...{ peers: progress.peers, seeds: progress.seeds, uploaded: progress.uploaded },
    ...{ ratio: Math.round(progress.ratio * 100) / 100, labels: [] },
    ...(isWaiting ? { reason: torrent.reason } : {}),
    ...(servesFiles && READABLE_STATES.has(torrent.state) ? { isReadable: true } : {}),
  }
}

function nameOf(torrent: Torrent): string {
  return metainfoOf(torrent)?.name ?? torrent.infoHash.toString('hex')
}

function metainfoOf(torrent: Torrent): Metainfo | undefined {
  try {
    return torrent.metainfo
  } catch {
    return undefined // it is not known yet
  }
}

function statusOf({ progress, state, waiting }: Torrent): ListedStatus {
  if (state === 'new') return 'waiting'
  if (state === 'paused' || state === 'closed') return 'stopped'
  // a torrent on demand asks for nothing while no reader waits
  if (state === 'downloading' && progress.limit === 'reader' && !waiting && progress.downSpeed < 1)
    return 'idle'
  return state
}
