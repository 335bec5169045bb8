import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { SessionTorrent } from '../../session/session-torrent.ts'

/** What a .torrent says of its torrent, apart from files and hashes. It stays small for any torrent. */
export interface TorrentFacts {
  readonly comment: string
  readonly createdBy: string
  /** Seconds since 1970; 0 for unknown. */
  readonly creationDate: number
  readonly pieceLength: number
  readonly trackers: readonly (readonly string[])[]
  readonly webSeeds: readonly string[]
}

const UNKNOWN: TorrentFacts = {
  ...{ comment: '', createdBy: '', creationDate: 0, pieceLength: 0, trackers: [], webSeeds: [] },
}

/** Loads the facts of torrents from their .torrent files, and keeps them: lists of torrents ask again and again. */
export class KnownFacts {
  /** The facts of a torrent without a .torrent. */
  readonly unknown = UNKNOWN
  readonly #known = new WeakMap<SessionTorrent, TorrentFacts>()

  /** Returns the facts of a torrent if they are loaded. */
  get(torrent: SessionTorrent): TorrentFacts | undefined {
    return this.#known.get(torrent)
  }

  /** Loads the facts of a torrent. Those of a magnet link are unknown until its metadata is. Never rejects. */
  async load(torrent: SessionTorrent): Promise<TorrentFacts> {
    const known = this.#known.get(torrent)
    if (known) return known
    const metainfo = await torrent.loadMetainfo().catch(() => undefined)
    if (!metainfo) return UNKNOWN
    const facts = factsOf(metainfo)
    this.#known.set(torrent, facts)
    return facts
  }
}

function factsOf(metainfo: Metainfo): TorrentFacts {
  const { comment = '', createdBy = '', creationDate, pieceLength, trackers, webSeeds } = metainfo
  return { comment, createdBy, creationDate: creationDate ?? 0, pieceLength, trackers, webSeeds }
}
