/** What the server serves. It knows nothing of the engine that downloads, nor the engine of the server. */
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { Progress } from '../pipeline/progress.ts'

/** A range of bytes of a file: `start` is the first, `end` is behind the last. */
export interface ByteRange {
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

/** A torrent that is served. */
export interface ServedTorrent {
  readonly metainfo: Metainfo
  /** Its current progress, read each time it is shown. */
  readonly progress?: Progress | undefined
  /** Reads a range of a file, by its index. Never called with an empty range, or for padding. May throw. */
  read(fileIndex: number, range: ByteRange): ByteStream
}

/** The torrents that are served, by info-hash in lower-case hex. May change at any time. */
export type ServedTorrents = ReadonlyMap<string, ServedTorrent>
