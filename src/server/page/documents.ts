/**
 * The types of the documents that the server sends to the page: JSON without null, so that differences are merge
 * patches.
 */

/** What a torrent does: the states of a session, and `moving`. `idle`: it downloads only what is read. */
export type ListedStatus =
  | 'stopped'
  | 'finished'
  | 'queued'
  | 'waiting'
  | 'checking'
  | 'metadata'
  | 'downloading'
  | 'idle'
  | 'seeding'
  | 'moving'
  | 'failed'

/** A torrent in the list. Rates are in bytes per second, and times in milliseconds since 1970. */
export type ListedTorrent = {
  readonly name: string
  readonly status: ListedStatus
  /** Bytes of the torrent; missing while the metadata is not known. */
  readonly size?: number
  /** Bytes of wanted pieces, and those of them that are verified. */
  readonly wanted: number
  readonly verified: number
  readonly down: number
  readonly up: number
  /** Seconds that are left at this rate. */
  readonly eta?: number
  readonly peers: number
  readonly seeds: number
  /** Bytes sent for each byte received. */
  readonly ratio: number
  readonly uploaded: number
  readonly labels: readonly string[]
  readonly added?: number
  /** The reason why no data is received, or the failure. */
  readonly reason?: string
  /** From 0 to 1, while its files are checked. */
  readonly checked?: number
  /** The rate limits of the torrent. */
  readonly downLimit?: number
  readonly upLimit?: number
  /** True if it can be opened: its files are known and can be read. */
  readonly isReadable?: boolean
}

/** Rate limits in bytes per second. */
export type ListedLimits = {
  readonly downLimit?: number
  readonly upLimit?: number
  /** The alternative limits. */
  readonly slowDown: number
  readonly slowUp: number
}

/** Totals and limits of all torrents together. */
export type ListedClient = {
  readonly down: number
  readonly up: number
  readonly peers: number
  readonly downLimit?: number
  readonly upLimit?: number
  /** True while the alternative limits hold (slow mode). */
  readonly isSlow?: boolean
  /** The limits as they are set, of which either these or the alternative ones hold; missing without a session. */
  readonly settings?: ListedLimits
  /** Bytes in all runs. */
  readonly downloaded: number
  readonly uploaded: number
  /** The directory of new torrents, and the bytes that are free there. */
  readonly directory?: string
  readonly free?: number
}

/** The topic `list`. Torrents are named by their info-hash in hex. */
export type ListDocument = {
  readonly client: ListedClient
  readonly torrents: { readonly [infoHash: string]: ListedTorrent }
}

/** The first event of a stream. */
export type Welcome = {
  readonly version: string
  /** Sent with every action, in the header `X-Tsdl-Page`. Pages of other sites cannot read it. */
  readonly key: string
  /** The actions that are possible. The page does not show others. */
  readonly actions: readonly string[]
}

/** A file of a torrent that is not added yet. */
export type PreviewedFile = {
  readonly index: number
  /** With the name of the torrent, if it has several files. */
  readonly path: string
  readonly length: number
}

/** The topic `preview:ID`: a torrent that is not added yet. */
export type PreviewDocument = {
  readonly state: 'fetching' | 'ready' | 'failed'
  readonly infoHash: string
  readonly name: string
  /** The reason why the metadata is missing, or the failure. */
  readonly reason?: string
  /** True if the session has this torrent. */
  readonly isKnown?: boolean
  readonly size?: number
  /** The first files. */
  readonly files?: readonly PreviewedFile[]
  readonly fileCount?: number
}
