import type { Session } from '../session/session.ts'
import type { SessionTorrent } from '../session/session-torrent.ts'
import type { ByteStream, ServedTorrent, ServedTorrents } from './served-torrents.ts'

/** The states in which the files of a torrent can be read. */
const READABLE_STATES = new Set(['checking', 'downloading', 'seeding'])

/** Serves the files of the torrents of a session that run. */
export class SessionFiles implements ServedTorrents {
  readonly #session: Session

  /** Serves the session as it is at each request. */
  constructor(session: Session) {
    this.#session = session
  }

  /** The number of torrents that run. */
  get size(): number {
    let count = 0
    for (const _ of this.values()) count++
    return count
  }

  /** Returns a torrent that runs. */
  get(infoHash: string): ServedTorrent | undefined {
    const torrent = this.#session.get(infoHash)
    return torrent && servedOf(torrent)
  }

  /** Yields the torrents that run. */
  *values(): Generator<ServedTorrent> {
    for (const torrent of this.#session.torrents) {
      const served = servedOf(torrent)
      if (served) yield served
    }
  }
}

function servedOf({ torrent }: SessionTorrent): ServedTorrent | undefined {
  if (!torrent || !READABLE_STATES.has(torrent.state)) return undefined
  return {
    metainfo: torrent.metainfo,
    get progress() {
      return torrent.progress
    },
    read: (fileIndex, range) => torrent.files[fileIndex]!.stream(range) as unknown as ByteStream,
  }
}
