import { type TorrentFacts, torrentFactsOf } from '../../session/records/torrent-facts.ts'
import type { SessionTorrent } from '../../session/session-torrent.ts'

const UNKNOWN_FACTS: TorrentFacts = {
  ...{ comment: '', createdBy: '', creationDate: 0, pieceLength: 0, source: '', trackers: [], webSeeds: [] },
}

/**
 * The facts of torrents, from their records or their .torrent files. Loaded facts are kept, because lists request them
 * repeatedly.
 */
export class KnownFacts {
  /** The facts of a torrent without a .torrent. */
  readonly unknown = UNKNOWN_FACTS
  readonly #known = new WeakMap<SessionTorrent, TorrentFacts>()

  /** Returns the facts of a torrent if they are loaded. */
  get(torrent: SessionTorrent): TorrentFacts | undefined {
    const { facts, link } = torrent.record
    return facts ?? (link === null ? this.#known.get(torrent) : UNKNOWN_FACTS)
  }

  /** Loads the facts of a torrent. Those of a magnet link are unknown until its metadata is. Never rejects. */
  async load(torrent: SessionTorrent): Promise<TorrentFacts> {
    const known = this.get(torrent)
    if (known) return known
    const metainfo = await torrent.loadMetainfo().catch(() => undefined)
    if (!metainfo) return UNKNOWN_FACTS
    const facts = torrentFactsOf(metainfo)
    this.#known.set(torrent, facts)
    return facts
  }
}
