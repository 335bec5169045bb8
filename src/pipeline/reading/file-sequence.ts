import { type ByteSource, FileReader, type Lent } from '../../streams/read/file-reader.ts'
import type { TorrentBytes } from './torrent-file.ts'

/** Maximum bytes that are taken at once for small files. */
const MAX_AHEAD_BYTES = 256 << 10

/** The files of a torrent that are read. */
export interface FileSequenceOptions {
  /** Index of the first file that is read. @default 0 */
  readonly first?: number
  /** Index of the last one. @default the last file of the torrent */
  readonly last?: number
  /** Returns true for the files between them that are read. @default all */
  readonly select?: (fileIndex: number) => boolean
}

/** Reads files of a torrent one after the other, so that the next one is downloaded while one is read. */
export class FileSequence {
  readonly #files: TorrentBytes['metainfo']['files']
  readonly #source: ByteSource
  readonly #select: (fileIndex: number) => boolean
  /** Bytes that were taken together with those of a small file. */
  #ahead: { readonly position: number; readonly lent: Lent } | undefined

  constructor(torrent: TorrentBytes, options: FileSequenceOptions = {}) {
    const { files } = torrent.metainfo
    const { first = 0, last = files.length - 1, select = () => true } = options
    this.#files = files
    this.#select = select
    const [start, end] = [files[first]!, files[last]!]
    this.#source = torrent.open(start.offset, end.offset + end.length)
  }

  /** Opens a file. It is read to its end before the next one. @param lend true to lend chunks: see FileReader */
  read(fileIndex: number, lend = false): FileReader {
    const { offset, length } = this.#files[fileIndex]!
    const take = (position: number, length: number) => this.#take(fileIndex, position, length)
    return new FileReader({ source: { take }, start: offset, end: offset + length, lend })
  }

  /**
   * Returns all bytes of a small file if they were taken together with an earlier one. The file counts as read then. The bytes
   * are valid until the next call of `read`.
   */
  peek(fileIndex: number): Uint8Array | undefined {
    const { offset, length } = this.#files[fileIndex]!
    const bytes = this.#aheadFrom(offset)?.subarray(0, length)
    return bytes?.length === length ? bytes : undefined
  }

  /** Ends the reading: nothing is downloaded for it any more. */
  close(): void {
    this.#forgetAhead()
    this.#source.close?.()
  }

  async #take(fileIndex: number, position: number, length: number): Promise<Lent> {
    const known = this.#aheadFrom(position)
    if (known) return copyOf(known.subarray(0, length))
    this.#forgetAhead()
    const taken = Math.max(length, this.#endOfRun(fileIndex, position + MAX_AHEAD_BYTES) - position)
    const lent = await this.#source.take(position, taken)
    if (lent.bytes.length <= length) return lent
    this.#ahead = { position, lent }
    return copyOf(lent.bytes.subarray(0, length))
  }

  /** Returns the end of the files that follow a file without a gap and are all read, up to `limit`. */
  #endOfRun(fileIndex: number, limit: number): number {
    const { offset, length } = this.#files[fileIndex]!
    let end = offset + length
    for (let next = fileIndex + 1; next < this.#files.length; next++) {
      const { offset, length, pad } = this.#files[next]!
      if (pad || offset !== end || offset + length > limit || !this.#select(next)) break
      end = offset + length
    }
    return end
  }

  #aheadFrom(position: number): Uint8Array | undefined {
    if (!this.#ahead) return undefined
    const { lent, position: start } = this.#ahead
    const isWithin = position >= start && position < start + lent.bytes.length
    return isWithin ? lent.bytes.subarray(position - start) : undefined
  }

  #forgetAhead(): void {
    this.#ahead?.lent.release()
    this.#ahead = undefined
  }
}

function copyOf(bytes: Uint8Array): Lent {
  return { bytes: Uint8Array.from(bytes), release() {} }
}
