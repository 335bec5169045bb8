/** The mapping between pieces and files. Pure arithmetic, logarithmic in the number of files. */
import { checkArgument } from '../codec/check-arguments.ts'
import { InputError } from '../errors.ts'
import type { FileEntry, Metainfo } from './metainfo.ts'

/** The part of a file that lies in a range of the torrent. */
export interface Span {
  readonly file: FileEntry
  readonly fileIndex: number
  /** Offset in the file, in bytes. */
  readonly offset: number
  /** Length in bytes, at least 1. */
  readonly length: number
  /** Offset in the requested range, in bytes. */
  readonly at: number
}

/** A range of the torrent: `length` bytes from `position`. */
export interface Range {
  readonly position: number
  readonly length: number
}

/** Maps pieces to files and back. Every method throws ERR_USAGE for an argument out of range. */
export class Layout {
  readonly length: number
  readonly pieceLength: number
  readonly pieceCount: number
  readonly files: readonly FileEntry[]
  /** True if each piece ends with its file (BEP 52). Padding after it is then in no piece. */
  readonly #endsWithFile: boolean
  /** Indices of the files that are not empty, in order. Empty files contain no position. */
  readonly #filled: readonly number[]

  constructor(
    metainfo: Pick<Metainfo, 'length' | 'pieceLength' | 'files'> & Partial<Pick<Metainfo, 'format'>>,
  ) {
    checkArgument('metainfo', metainfo, 'object')
    checkArgument('metainfo.files', metainfo.files, 'array')
    this.length = metainfo.length
    this.pieceLength = metainfo.pieceLength
    this.files = metainfo.files
    this.#endsWithFile = metainfo.format === 'v2'
    this.pieceCount = Math.ceil(this.length / this.pieceLength)
    const filled: number[] = []
    this.files.forEach((file, index) => {
      if (file.length > 0) filled.push(index)
    })
    this.#filled = filled.slice() // A copy has no spare room: a list that grew keeps room for sixteen more elements.
  }

  /** Returns the length of a piece in bytes: `pieceLength`, or less for the last one, and for the last one of a file in v2. */
  pieceSize(index: number): number {
    return this.pieceRange(index).length
  }

  /** Returns the range of a piece. */
  pieceRange(index: number): Range {
    checkRange(Number.isInteger(index) && index >= 0 && index < this.pieceCount, `no piece ${index}`)
    const position = index * this.pieceLength
    if (!this.#endsWithFile) return { position, length: Math.min(this.pieceLength, this.length - position) }
    const { offset, length } = this.files[this.fileOf(position)]!
    return { position, length: Math.min(this.pieceLength, offset + length - position) }
  }

  /** Returns the bytes of padding between the end of a piece and the next one, which are in no piece. */
  gapAfter(index: number): number {
    const { position, length } = this.pieceRange(index)
    return Math.min(this.pieceLength, this.length - position) - length
  }

  /** Returns the piece that contains a position. */
  pieceOf(position: number): number {
    this.#checkPosition(position)
    return Math.floor(position / this.pieceLength)
  }

  /** Returns the index of the file that contains a position. */
  fileOf(position: number): number {
    this.#checkPosition(position)
    return this.#filled[this.#find(position)]!
  }

  /** Returns the first and last piece of a file, or `undefined` if the file is empty. */
  piecesOf(fileIndex: number): { readonly first: number; readonly last: number } | undefined {
    const file = this.files[fileIndex]
    checkRange(file !== undefined, `no file ${fileIndex}`)
    if (file.length === 0) return undefined
    return { first: this.pieceOf(file.offset), last: this.pieceOf(file.offset + file.length - 1) }
  }

  /** Splits `length` bytes from `position` by file, in order and without gaps, including padding. */
  spans(position: number, length: number): Span[] {
    checkRange(Number.isSafeInteger(position) && position >= 0, `no position ${position}`)
    checkRange(Number.isSafeInteger(length) && length >= 0, `no length ${length}`)
    checkRange(position + length <= this.length, `${position} + ${length} is past the end, ${this.length}`)
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
    checkRange(
      Number.isSafeInteger(position) && position >= 0 && position < this.length,
      `no byte ${position}`,
    )
  }

  /** Returns the index in `#filled` of the last file that starts at or before a position. */
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

function checkRange(holds: boolean, what: string): asserts holds {
  if (!holds) throw new InputError('ERR_USAGE', `out of range: ${what}`)
}
