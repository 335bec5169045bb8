import { type ByteSource, FileReader } from '../../streams/read/file-reader.ts'
import type { TorrentBytes } from './torrent-file.ts'

/** Reads files of a torrent one after the other, so that the next one is downloaded while one is read. */
export class FileSequence {
  readonly #files: TorrentBytes['metainfo']['files']
  readonly #source: ByteSource

  /** @param first index of the first file that is read @param last index of the last one. @default all files */
  constructor(torrent: TorrentBytes, first = 0, last = torrent.metainfo.files.length - 1) {
    this.#files = torrent.metainfo.files
    const [start, end] = [this.#files[first]!, this.#files[last]!]
    this.#source = torrent.open(start.offset, end.offset + end.length)
  }

  /** Opens a file. It is read to its end before the next one. @param lend true to lend chunks: see FileReader */
  read(fileIndex: number, lend = false): FileReader {
    const { offset, length } = this.#files[fileIndex]!
    const take = (position: number, length: number) => this.#source.take(position, length)
    return new FileReader({ source: { take }, start: offset, end: offset + length, lend })
  }

  /** Ends the reading: nothing is downloaded for it any more. */
  close(): void {
    this.#source.close?.()
  }
}
