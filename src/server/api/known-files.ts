import type { SessionFile } from '../../session/files/torrent-files.ts'
import type { Session } from '../../session/session.ts'
import type { SessionTorrent } from '../../session/session-torrent.ts'

/** Files that are remembered at most, over all torrents. */
const MAX_KNOWN_FILES = 100_000

interface KnownList {
  /** The record that the list was made of. A record is replaced, never changed. */
  readonly record: SessionTorrent['record']
  readonly files: readonly SessionFile[]
}

/**
 * The files of torrents that do not run. Their .torrent is not in memory, and some clients request the files of all torrents
 * every few seconds.
 */
export class KnownFiles {
  readonly #session: Session
  readonly #known = new Map<SessionTorrent, KnownList>()
  #count = 0
  readonly #forget = (torrent: SessionTorrent) => {
    this.#count -= this.#known.get(torrent)?.files.length ?? 0
    this.#known.delete(torrent)
  }

  constructor(session: Session) {
    this.#session = session
    session.on('removed', this.#forget)
  }

  /** Returns the files of a torrent if they are known without reading its .torrent. */
  get(torrent: SessionTorrent): readonly SessionFile[] | undefined {
    if (torrent.record.link !== null) return []
    if (torrent.isRunning) return undefined
    const known = this.#known.get(torrent)
    return known?.record === torrent.record ? known.files : undefined
  }

  /** Lists the files of a torrent; none without metadata. Never rejects. */
  async load(torrent: SessionTorrent): Promise<readonly SessionFile[]> {
    const known = this.get(torrent)
    if (known) return known
    const { record } = torrent
    const files = await torrent.listFiles().catch(() => [])
    this.#forget(torrent)
    const isCurrent = torrent.record === record && this.#session.get(record.infoHash) === torrent
    if (isCurrent && !torrent.isRunning && this.#count + files.length <= MAX_KNOWN_FILES) {
      this.#known.set(torrent, { record, files })
      this.#count += files.length
    }
    return files
  }

  /** Stops listening. */
  close(): void {
    this.#session.off('removed', this.#forget)
  }
}
