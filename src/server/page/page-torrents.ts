import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { Torrent } from '../../pipeline/torrent.ts'
import type { SessionTorrent } from '../../session/session-torrent.ts'
import type { ListDocument, ListedTorrent } from './documents.ts'

/** A torrent that the page shows. */
export interface PageTorrent {
  /** In lower-case hex. */
  readonly infoHash: string
  readonly name: string
  /** The torrent in the client, if it has one. */
  readonly torrent: Torrent | undefined
  /** Its state in the session, if there is a session. */
  readonly stored: SessionTorrent | undefined
  /** True if files are served from verified pieces only. @default false: if they are selected */
  readonly servesVerified?: boolean
  /** Describes it as the list does. */
  describe(): ListedTorrent
  /** Rejects with ERR_USAGE while the metadata is not known. */
  loadMetainfo(): Promise<Metainfo>
}

/** The torrents that the page shows. */
export interface PageTorrents {
  /** Returns a torrent by its info-hash in hex. */
  get(infoHash: string): PageTorrent | undefined
  /** Describes all of them. Torrents without changes are the same objects as before. */
  describe(): ListDocument
  /** Stops listening to their owner. */
  close(): void
}
