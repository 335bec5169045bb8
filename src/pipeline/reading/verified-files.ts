import type { Bitfield } from '../../codec/bitfield.ts'
import { StorageError } from '../../errors.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { type ByteSource, FileReader } from '../../streams/read/file-reader.ts'

/** A torrent that shares stored pieces. */
export interface SharedTorrent {
  readonly metainfo: Metainfo
  /** The pieces that are verified and stored. */
  readonly verified: Bitfield
  open(start: number, end: number): ByteSource
  on(event: 'lost', listener: (index: number) => void): unknown
}

/** A reader that is open, and the pieces that it reads. */
interface OpenReader {
  readonly reader: FileReader
  readonly fileIndex: number
  readonly first: number
  readonly last: number
}

/**
 * Reads files of a torrent from verified pieces only: a reader never waits for a download. Nothing is downloaded for it if the
 * file is not selected.
 */
export class VerifiedFiles {
  readonly #torrent: SharedTorrent
  readonly #open = new Set<OpenReader>()

  /** Listens to the torrent as long as it exists. */
  constructor(torrent: SharedTorrent) {
    this.#torrent = torrent
    torrent.on('lost', index => this.#onLost(index))
  }

  /**
   * Does nothing if all pieces of a range are verified. The range is not empty.
   * @throws StorageError ERR_CHANGED that names the file and counts its missing pieces
   */
  check(fileIndex: number, start: number, end: number): void {
    const { first, last } = this.#piecesOf(fileIndex, start, end)
    for (let index = first; index <= last; index++)
      if (!this.#torrent.verified.has(index)) throw this.#refusal(fileIndex)
  }

  /**
   * Reads a range, which is not empty. The reader fails as soon as a piece of the range is lost.
   * @throws StorageError ERR_CHANGED if a piece of the range is not verified
   */
  read(fileIndex: number, start: number, end: number): FileReader {
    this.check(fileIndex, start, end)
    const { offset } = this.#torrent.metainfo.files[fileIndex]!
    const range = { start: offset + start, end: offset + end }
    const reader = new FileReader({ source: this.#torrent.open(range.start, range.end), ...range })
    const opened = { reader, fileIndex, ...this.#piecesOf(fileIndex, start, end) }
    this.#open.add(opened)
    reader.once('close', () => this.#open.delete(opened))
    return reader
  }

  #onLost(index: number): void {
    for (const { fileIndex, first, last, reader } of this.#open)
      if (index >= first && index <= last) reader.destroy(this.#refusal(fileIndex))
  }

  #piecesOf(fileIndex: number, start: number, end: number): { first: number; last: number } {
    const { files, pieceLength } = this.#torrent.metainfo
    const { offset } = files[fileIndex]!
    return {
      first: Math.floor((offset + start) / pieceLength),
      last: Math.floor((offset + end - 1) / pieceLength),
    }
  }

  #refusal(fileIndex: number): StorageError {
    const { length, path } = this.#torrent.metainfo.files[fileIndex]!
    const { first, last } = this.#piecesOf(fileIndex, 0, length)
    let missing = 0
    for (let index = first; index <= last; index++) if (!this.#torrent.verified.has(index)) missing++
    const of = `${missing} of ${last - first + 1} pieces`
    return new StorageError('ERR_CHANGED', `${path}: ${of} are missing or wrong on disk`)
  }
}
