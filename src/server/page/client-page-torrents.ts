import type { Torrent } from '../../pipeline/torrent.ts'
import type { ListDocument, ListedStatus, ListedTorrent } from './documents.ts'
import type { PageTorrent, PageTorrents } from './page-torrents.ts'
import { sumOf } from './page-totals.ts'

/** The states in which files can be read. */
const READABLE_STATES = new Set(['checking', 'downloading', 'seeding'])

/** The torrents of a client without a session. The page shows them and changes nothing. */
export class ClientPageTorrents implements PageTorrents {
  readonly #client: { readonly torrents: Iterable<Torrent> }
  readonly #limits: { readonly up?: number; readonly down?: number }

  /** @param limits the rate limits of the client in bytes per second */
  constructor(client: { readonly torrents: Iterable<Torrent> }, limits: { up?: number; down?: number } = {}) {
    this.#client = client
    this.#limits = limits
  }

  get(infoHash: string): PageTorrent | undefined {
    for (const torrent of this.#client.torrents) {
      if (torrent.infoHash.toString('hex') !== infoHash) continue
      return {
        ...{ infoHash, name: nameOf(torrent), torrent, stored: undefined },
        describe: () => describeTorrent(torrent),
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
      torrents[torrent.infoHash.toString('hex')] = describeTorrent(torrent)
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

function describeTorrent(torrent: Torrent): ListedTorrent {
  const { progress } = torrent
  const size = torrent.files.length > 0 ? torrent.metainfo.length : undefined
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
    ...(READABLE_STATES.has(torrent.state) ? { isReadable: true } : {}),
  }
}

function nameOf(torrent: Torrent): string {
  return torrent.files.length > 0 ? torrent.metainfo.name : torrent.infoHash.toString('hex')
}

function statusOf({ progress, state, waiting }: Torrent): ListedStatus {
  if (state === 'new') return 'waiting'
  if (state === 'paused' || state === 'closed') return 'stopped'
  // a torrent on demand asks for nothing while no reader waits
  if (state === 'downloading' && progress.limit === 'reader' && !waiting && progress.downSpeed < 1)
    return 'idle'
  return state
}
