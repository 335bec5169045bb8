import type { Session } from '../session/session.ts'
import { type ServedTorrent, type ServedTorrents, servedOf } from './served-torrents.ts'

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
    const torrent = this.#session.get(infoHash)?.torrent
    return torrent && servedOf(torrent)
  }

  /** Yields the torrents that run. */
  *values(): Generator<ServedTorrent> {
    for (const { torrent } of this.#session.torrents) {
      const served = torrent && servedOf(torrent)
      if (served) yield served
    }
  }
}
