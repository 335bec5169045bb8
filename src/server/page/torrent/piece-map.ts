import type { Bitfield } from '../../../codec/bitfield.ts'
import { CELLS_PER_ROW, encodePieceCell, type PieceState } from '../../../codec/piece-cells.ts'
import type { ListedPieces } from '../torrent-documents.ts'

/** Maximum number of cells of a map. */
export const MAX_PIECE_CELLS = 512
/** Updates within which the copies of all pieces are counted again. */
const COPY_ROUNDS = 5

/** The states of pieces that a map shows. */
export interface MappedPieces {
  readonly verified: Bitfield
  /** Another object after a change of the selection. */
  readonly wanted: Bitfield
  /** Connected peers with every piece. */
  readonly seeds: number
  /** Returns the number of connected peers that have a piece, without seeds. */
  countCopies(index: number): number
  listActive(): Iterable<number>
  listNext(): Iterable<number>
}

/**
 * The map of the pieces of one torrent, in at most 512 cells. An update looks at the cells in which something changed, and
 * counts the copies of a fifth of all pieces, so its cost hardly depends on their number.
 *
 * Inputs: the states of pieces; `note` for each that was verified or lost.
 */
export class PieceMap {
  readonly #pieceCount: number
  readonly #cellSize: number
  readonly #cellCount: number
  /** Pieces of each cell that are missing and wanted. */
  readonly #lacked: Uint32Array
  /** The least number of copies in each cell, and how many of its pieces have so few. */
  readonly #copies: Uint16Array
  readonly #rare: Uint32Array
  readonly #changed = new Set<number>()
  #wanted: Bitfield | undefined
  #active = new Set<number>()
  #next = new Set<number>()
  readonly #cells: string[] = []
  readonly #rows: Record<string, string> = {}
  #round = 0

  constructor(pieceCount: number) {
    this.#pieceCount = pieceCount
    this.#cellSize = Math.max(1, Math.ceil(pieceCount / MAX_PIECE_CELLS))
    this.#cellCount = Math.ceil(pieceCount / this.#cellSize)
    this.#lacked = new Uint32Array(this.#cellCount)
    this.#copies = new Uint16Array(this.#cellCount)
    this.#rare = new Uint32Array(this.#cellCount)
  }

  /** Notes that a piece was verified or lost. */
  note(index: number): void {
    this.#changed.add(Math.floor(index / this.#cellSize))
  }

  /** Describes the pieces as they are now. */
  update(pieces: MappedPieces): ListedPieces {
    const isFirst = this.#wanted === undefined
    if (this.#wanted !== pieces.wanted)
      for (let cell = 0; cell < this.#cellCount; cell++) this.#changed.add(cell)
    this.#wanted = pieces.wanted
    const active = [...pieces.listActive()].filter(index => !pieces.verified.has(index))
    const next = [...pieces.listNext()]
    this.#active = this.#replace(this.#active, active)
    this.#next = this.#replace(this.#next, next)
    this.#countCopies(pieces, isFirst)
    for (const cell of this.#changed) this.#draw(cell, pieces)
    for (const row of new Set([...this.#changed].map(cell => Math.floor(cell / CELLS_PER_ROW))))
      this.#rows[row] = this.#cells.slice(row * CELLS_PER_ROW, (row + 1) * CELLS_PER_ROW).join('')
    this.#changed.clear()
    return {
      ...{ count: this.#pieceCount, cellSize: this.#cellSize, rows: { ...this.#rows } },
      ...{ have: pieces.verified.count, active: active.length, next: new Set(next).size },
      missing: this.#lacked.reduce((sum, count) => sum + count, 0),
      ...{ seeds: pieces.seeds, availability: this.#findAvailability(pieces.seeds) },
    }
  }

  /** Replaces the cells in which something is under way; those before and now are drawn again. */
  #replace(before: ReadonlySet<number>, pieces: readonly number[]): Set<number> {
    const after = new Set(pieces.map(index => Math.floor(index / this.#cellSize)))
    for (const cell of before) this.#changed.add(cell)
    for (const cell of after) this.#changed.add(cell)
    return after
  }

  #countCopies(pieces: MappedPieces, all: boolean): void {
    const share = Math.ceil(this.#cellCount / COPY_ROUNDS)
    const first = all ? 0 : share * (this.#round++ % COPY_ROUNDS)
    for (let cell = first; cell < Math.min(this.#cellCount, all ? this.#cellCount : first + share); cell++) {
      let minimum = 0xffff
      let rare = 0
      for (let index = cell * this.#cellSize; index < this.#endOf(cell); index++) {
        const count = pieces.countCopies(index)
        if (count < minimum) rare = 0
        minimum = Math.min(minimum, count)
        if (count === minimum) rare++
      }
      if (this.#copies[cell] !== minimum) this.#changed.add(cell)
      this.#copies[cell] = minimum
      this.#rare[cell] = rare
    }
  }

  #draw(cell: number, { verified, wanted }: MappedPieces): void {
    const start = cell * this.#cellSize
    const end = this.#endOf(cell)
    const have = verified.countBetween(start, end)
    let lacked = 0
    if (have < end - start)
      for (let index = start; index < end; index++) if (!verified.has(index) && wanted.has(index)) lacked++
    this.#lacked[cell] = lacked
    this.#cells[cell] = encodePieceCell({
      part: have / (end - start),
      state: this.#stateOf(cell, have === end - start, lacked),
      copies: this.#copies[cell]!,
    })
  }

  #stateOf(cell: number, isWhole: boolean, lacked: number): PieceState {
    if (isWhole) return 'missing'
    if (this.#active.has(cell)) return 'active'
    if (this.#next.has(cell)) return 'next'
    return lacked === 0 ? 'skipped' : 'missing'
  }

  /** The number of whole copies among the connected peers, and as a fraction the part of the next one. */
  #findAvailability(seeds: number): number {
    let minimum = 0xffff
    for (const count of this.#copies) minimum = Math.min(minimum, count)
    let rare = 0
    for (const [cell, count] of this.#copies.entries()) if (count === minimum) rare += this.#rare[cell]!
    const part = this.#pieceCount === 0 ? 0 : 1 - rare / this.#pieceCount
    return this.#pieceCount === 0 ? 0 : Math.floor((seeds + minimum + part) * 100) / 100
  }

  #endOf(cell: number): number {
    return Math.min(this.#pieceCount, (cell + 1) * this.#cellSize)
  }
}
