import type { Limit } from '../../session/records/fields.ts'
import type { Session } from '../../session/session.ts'
import type { SessionEvents } from '../../session/session-options.ts'
import type { SessionTorrent } from '../../session/session-torrent.ts'
import { rateLimitOf } from '../../session/torrent/session-rates.ts'
import { isReadableState } from '../served-torrents.ts'
import type { ListDocument, ListedClient, ListedLimits, ListedStatus, ListedTorrent } from './documents.ts'
import type { PageTorrent, PageTorrents } from './page-torrents.ts'
import { type FreeSpaceGauge, sumOf } from './page-totals.ts'

/** Events after which a torrent is described again. */
const CHANGE_EVENTS = ['added', 'changed', 'metadata', 'completed', 'finished', 'failed'] as const

/** The torrents of a session. */
export class SessionPageTorrents implements PageTorrents {
  readonly #session: Session
  readonly #space: FreeSpaceGauge
  /** Descriptions of torrents that do not run and have not changed. */
  readonly #known = new Map<SessionTorrent, ListedTorrent>()
  readonly #forget = (torrent: SessionTorrent) => void this.#known.delete(torrent)

  constructor(session: Session, space: FreeSpaceGauge) {
    this.#session = session
    this.#space = space
    for (const event of CHANGE_EVENTS)
      session.on(event, this.#forget as (...values: SessionEvents[typeof event]) => void)
    session.on('removed', this.#forget)
  }

  get(infoHash: string): PageTorrent | undefined {
    const stored = this.#session.get(infoHash)
    if (!stored) return undefined
    return {
      ...{ infoHash: stored.infoHash, name: stored.name, stored, torrent: stored.torrent },
      describe: () => this.#describe(stored),
      loadMetainfo: () => stored.loadMetainfo(),
    }
  }

  describe(): ListDocument {
    const torrents: Record<string, ListedTorrent> = {}
    for (const torrent of this.#session.torrents) torrents[torrent.infoHash] = this.#describe(torrent)
    return { client: this.#describeClient(torrents), torrents }
  }

  close(): void {
    for (const event of [...CHANGE_EVENTS, 'removed'] as const) this.#session.off(event, this.#forget)
  }

  #describe(torrent: SessionTorrent): ListedTorrent {
    const known = this.#known.get(torrent)
    if (known && !torrent.isRunning && known.status !== 'checking' && !torrent.isMoving) return known
    const described = describeTorrent(torrent)
    this.#known.set(torrent, described)
    return described
  }

  #describeClient(torrents: ListDocument['torrents']): ListedClient {
    const { settings, totals } = this.#session
    const { alternative, directory } = settings
    const [down, up] = [rateLimitOf(settings, 'down'), rateLimitOf(settings, 'up')]
    const free = this.#space.read(directory)
    return {
      ...sumOf(torrents),
      ...{ downloaded: totals.downloaded, uploaded: totals.uploaded, directory },
      ...limitFieldsOf(down, up),
      ...(alternative.enabled ? { isSlow: true } : {}),
      settings: {
        ...limitFieldsOf(settings.down, settings.up),
        ...{ slowDown: alternative.down, slowUp: alternative.up },
      },
      ...(free === undefined ? {} : { free }),
    }
  }
}

function limitFieldsOf(down: Limit, up: Limit): Pick<ListedLimits, 'downLimit' | 'upLimit'> {
  return {
    ...(down.enabled ? { downLimit: down.value } : {}),
    ...(up.enabled ? { upLimit: up.value } : {}),
  }
}

function describeTorrent(torrent: SessionTorrent): ListedTorrent {
  const { error, record, torrent: run } = torrent
  const { progress } = torrent
  const status = statusOf(torrent)
  const isWaiting =
    (status === 'downloading' || status === 'metadata') && run?.waiting && progress.downSpeed < 1
  const reason = error?.message ?? (isWaiting ? run.reason : undefined)
  return {
    ...{ name: torrent.name, status, wanted: progress.wantedBytes, verified: progress.verifiedBytes },
    ...(record.fileCount > 0 ? { size: progress.size } : {}),
    ...{ down: Math.round(progress.downSpeed), up: Math.round(progress.upSpeed) },
    ...(progress.eta === null || status !== 'downloading' ? {} : { eta: Math.round(progress.eta) }),
    ...{ peers: progress.peers, seeds: progress.seeds, uploaded: progress.uploaded },
    ...{ ratio: Math.round(progress.ratio * 100) / 100, labels: record.labels, added: record.addedAt },
    ...(reason === undefined ? {} : { reason }),
    ...(status === 'checking' ? { checked: Math.round(torrent.checked * 1000) / 1000 } : {}),
    ...(record.down.enabled ? { downLimit: record.down.value } : {}),
    ...(record.up.enabled ? { upLimit: record.up.value } : {}),
    ...(run && isReadableState(run.state) ? { isReadable: true } : {}),
  }
}

function statusOf(torrent: SessionTorrent): ListedStatus {
  if (torrent.isMoving) return 'moving'
  if (torrent.error) return 'failed'
  const { status } = torrent
  return status === 'stopped' && torrent.isComplete ? 'finished' : status
}
