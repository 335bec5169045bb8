/** Pieces <-> files: where the bytes of a torrent lie. Pure arithmetic, logarithmic in the number of files. */
import { InputError } from '../errors.ts'
import type { FileEntry, Metainfo } from './metainfo.ts'

/** The part of one file that a range of the torrent touches. */
export interface Span {
  readonly file: FileEntry
  readonly fileIndex: number
  /** Bytes from the start of the file. */
  readonly offset: number
  /** Bytes, at least 1. */
  readonly length: number
  /** Bytes from the start of the range that was asked for. */
  readonly at: number
}

/** Bytes of a torrent: `length` of them from `position`. */
export interface Range {
  readonly position: number
  readonly length: number
}

/** Answers where pieces and files lie. Everything out of range throws ERR_USAGE. */
export class Layout {
  readonly length: number
  readonly pieceLength: number
  readonly pieceCount: number
  readonly files: readonly FileEntry[]
  /** The files that hold bytes, in order: only among them is the byte at a position to be found. */
  readonly #filled: readonly number[]

  constructor(metainfo: Pick<Metainfo, 'length' | 'pieceLength' | 'files'>) {
    this.length = metainfo.length
    this.pieceLength = metainfo.pieceLength
    this.files = metainfo.files
    this.pieceCount = Math.ceil(this.length / this.pieceLength)
    const filled: number[] = []
    this.files.forEach((file, index) => {
      if (file.length > 0) filled.push(index)
    })
    this.#filled = filled
  }

  /** Bytes of a piece: `pieceLength`, but for the last one. */
  pieceSize(index: number): number {
    return this.pieceRange(index).length
  }

  /** Where a piece lies in the torrent. */
  pieceRange(index: number): Range {
    check(Number.isInteger(index) && index >= 0 && index < this.pieceCount, `no piece ${index}`)
    const position = index * this.pieceLength
    return { position, length: Math.min(this.pieceLength, this.length - position) }
  }

  /** The piece that holds the byte at a position. */
  pieceOf(position: number): number {
    this.#checkPosition(position)
    return Math.floor(position / this.pieceLength)
  }

  /** The index of the file that holds the byte at a position. */
  fileOf(position: number): number {
    this.#checkPosition(position)
    return this.#filled[this.#find(position)]!
  }

  /** The first and last piece that hold bytes of a file, or `undefined` if it is empty. */
  piecesOf(fileIndex: number): { readonly first: number; readonly last: number } | undefined {
    const file = this.files[fileIndex]
    check(file !== undefined, `no file ${fileIndex}`)
    if (file.length === 0) return undefined
    return { first: this.pieceOf(file.offset), last: this.pieceOf(file.offset + file.length - 1) }
  }

  /** The files that `length` bytes from `position` lie in, in order, without gaps; padding is among them. */
  spans(position: number, length: number): Span[] {
    check(Number.isSafeInteger(position) && position >= 0, `no position ${position}`)
    check(Number.isSafeInteger(length) && length >= 0, `no length ${length}`)
    check(position + length <= this.length, `${position} + ${length} is past the end, ${this.length}`)
    const spans: Span[] = []
    if (length === 0) return spans
    for (let at = 0, next = this.#find(position); at < length; next++) {
      const fileIndex = this.#filled[next]!
      const file = this.files[fileIndex]!
      const offset = position + at - file.offset
      const taken = Math.min(file.length - offset, length - at)
      spans.push({ file, fileIndex, offset, length: taken, at })
      at += taken
    }
    return spans
  }

  #checkPosition(position: number): void {
    check(Number.isSafeInteger(position) && position >= 0 && position < this.length, `no byte ${position}`)
  }

  /** Which of the filled files is the last to start at or before a position. */
  #find(position: number): number {
    let low = 0
    let high = this.#filled.length - 1
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (this.files[this.#filled[middle]!]!.offset <= position) low = middle
      else high = middle - 1
    }
    return low
  }
}

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new InputError('ERR_USAGE', `outside the torrent: ${what}`)
}
