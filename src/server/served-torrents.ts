/** The torrents that a server serves. Nothing here depends on the engine that downloads them. */
import type { Metainfo } from '../metainfo/metainfo.ts'
import { FileSequence } from '../pipeline/reading/file-sequence.ts'
import type { TorrentBytes } from '../pipeline/reading/torrent-file.ts'
import type { Progress } from '../pipeline/torrent/progress.ts'

/** A range of bytes of a file: `start` is the first, `end` is behind the last. */
export interface ResponseRange {
  readonly start: number
  readonly end: number
}

/**
 * The bytes of a range: a Readable of streamx or of Node. It reads ahead no further than its buffer, and closes as soon
 * as it is destroyed. An end before the last byte counts as a failure.
 */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  on(event: 'error', listener: (error: Error) => void): unknown
  destroy(error?: Error): unknown
}

/** Files that are read one after the other. */
export interface ReadSequence {
  /** Reads a whole file, by its index: not an empty one, and no padding. */
  read(fileIndex: number): ByteStream
  /** Returns the bytes of a file if they are in memory. It is not read then. */
  peek?(fileIndex: number): Uint8Array | undefined
  close(): void
}

/** A torrent that is served. */
export interface ServedTorrent {
  readonly metainfo: Metainfo
  /** Its current progress, read each time it is shown. */
  readonly progress?: Progress | undefined
  /** Throws the reason why a range that is not empty cannot be read now, before any header is sent. @default no check */
  checkRange?(fileIndex: number, range: ResponseRange): void
  /** Reads a range of a file, by its index. Never called with an empty range, or for padding. May throw. */
  read(fileIndex: number, range: ResponseRange): ByteStream
  /**
   * Reads files one after the other, from an index to another one.
   * @param select returns true for those that are read
   * @default each with `read`
   */
  readSequence?(first: number, last: number, select: (fileIndex: number) => boolean): ReadSequence
  /** False for a file that is not downloaded: archives leave it out. @default true */
  isSelected?(fileIndex: number): boolean
}

/** The torrents that are served, by info-hash in lower-case hex; a Map is one. May change at any time. */
export interface ServedTorrents {
  readonly size: number
  get(infoHash: string): ServedTorrent | undefined
  values(): Iterable<ServedTorrent>
}

/**
 * Returns the torrent with an info-hash in lower-case hex: that of v1, or of v2 (BEP 52), whole or cut to 40 digits as
 * trackers use it.
 */
export function findServed(torrents: ServedTorrents, infoHash: string): ServedTorrent | undefined {
  const found = torrents.get(infoHash)
  if (found || !V2_HASH.test(infoHash)) return found
  for (const served of torrents.values()) {
    if (served.metainfo.infoHashV2?.toString('hex').startsWith(infoHash)) return served
  }
  return undefined
}

/** All hex digits of a v2 info-hash, or the first 40 of them. */
const V2_HASH = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/

/** The members of a `Torrent` that a server needs. */
export interface ReadableTorrent {
  readonly state: string
  readonly metainfo: Metainfo
  readonly progress: Progress
  readonly files: readonly { readonly isSelected?: boolean; stream(range: ResponseRange): unknown }[]
  /** Reads bytes of the torrent, for archives. @default each file by itself */
  readonly open?: TorrentBytes['open']
}

/** A collection of torrents, such as a `Client`. */
export interface TorrentCollection {
  readonly torrents: Iterable<ReadableTorrent>
}

const READABLE_STATES = new Set(['checking', 'downloading', 'seeding'])

/** Returns true for the states in which the files of a torrent can be read. */
export const isReadableState = (state: string): boolean => READABLE_STATES.has(state)

/** Serves the torrents of a collection that have metadata and a storage, as the collection is at each request. */
export class CollectedTorrents<T extends ReadableTorrent = ReadableTorrent> implements ServedTorrents {
  readonly #collection: { readonly torrents: Iterable<T> }
  readonly #servedOf: (torrent: T) => ServedTorrent | undefined

  /** @param serve returns a torrent as the server sees it, or undefined while its files cannot be read */
  constructor(
    collection: { readonly torrents: Iterable<T> },
    serve: (torrent: T) => ServedTorrent | undefined = servedOf,
  ) {
    this.#collection = collection
    this.#servedOf = serve
  }

  get size(): number {
    return this.#served().length
  }

  get(infoHash: string): ServedTorrent | undefined {
    return this.#served().find(({ metainfo }) => metainfo.infoHash.toString('hex') === infoHash)
  }

  values(): Iterable<ServedTorrent> {
    return this.#served()
  }

  #served(): ServedTorrent[] {
    return Array.from(this.#collection.torrents).flatMap(torrent => this.#servedOf(torrent) ?? [])
  }
}

/** Returns a torrent as a server sees it, or undefined while its files cannot be read. */
export function servedOf(torrent: ReadableTorrent): ServedTorrent | undefined {
  if (!isReadableState(torrent.state)) return undefined
  const { metainfo } = torrent
  return {
    metainfo,
    get progress() {
      return torrent.progress
    },
    read: (fileIndex, range) => torrent.files[fileIndex]!.stream(range) as ByteStream,
    isSelected: fileIndex => torrent.files[fileIndex]!.isSelected !== false,
    ...(hasBytes(torrent) && {
      readSequence: (first, last, select) => new FileSequence(torrent, { first, last, select }),
    }),
  }
}

function hasBytes(torrent: ReadableTorrent): torrent is ReadableTorrent & TorrentBytes {
  return torrent.open !== undefined
}
