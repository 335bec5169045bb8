/** What is served, whoever brings its bytes: the server knows no torrent engine, and an engine no server. */
import type { Metainfo } from '../metainfo/metainfo.ts'
import type { Progress } from '../pipeline/progress.ts'

/** Bytes of a file: `start` is the first, `end` is behind the last. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * Bytes on their way: a Readable of streamx or of Node. It reads no further than it is read, and closes as soon
 * as it is destroyed. An end before the last byte counts as a failure.
 */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  on(event: 'error', listener: (error: Error) => void): unknown
  destroy(error?: Error): unknown
}

/** A torrent that is served. */
export interface Served {
  readonly metainfo: Metainfo
  /** How it stands now; asked whenever it is shown. */
  readonly progress?: Progress | undefined
  /** The bytes of one file, by index; never asked for none at all, nor for padding. It may throw. */
  read(fileIndex: number, range: ByteRange): ByteStream
}

/** All that is served, by info-hash in lower-case hex. It may change at any time. */
export type Shelf = ReadonlyMap<string, Served>
