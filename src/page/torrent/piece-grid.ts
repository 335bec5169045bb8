/** The positions of the cells of a map of pieces. Pure. */

/** A grid of cells, in pixels. */
export interface PieceGrid {
  readonly columns: number
  readonly rows: number
  /** Width and height of a cell with the gap after it. */
  readonly pitchX: number
  readonly pitchY: number
  readonly height: number
}

/** Pixels from one cell to the next, the largest first: the first with which the map is low enough is taken. */
const CELL_PITCHES_PX = [20, 18, 16, 14, 12, 11, 10, 9, 8, 7] as const
/** Maximum height of a map in pixels, if its cells allow that. */
const MAX_HEIGHT = 128
const CELL_GAP_PX = 2

/** Lays out cells in a width. A few cells share the whole width. */
export function layOutCells(count: number, width: number): PieceGrid {
  const pitch =
    CELL_PITCHES_PX.find(
      pitch => pitch * Math.ceil(count / Math.max(1, Math.floor(width / pitch))) <= MAX_HEIGHT,
    ) ?? 7
  const columns = Math.max(1, Math.min(count, Math.floor(width / pitch)))
  const rows = Math.ceil(count / columns)
  return {
    columns,
    rows,
    pitchX: width / columns,
    pitchY: pitch,
    height: Math.max(1, rows * pitch - CELL_GAP_PX),
  }
}

/** Returns the cell at a place, or -1. */
export function findCell(
  { columns, pitchX, pitchY }: PieceGrid,
  count: number,
  x: number,
  y: number,
): number {
  const column = Math.floor(x / pitchX)
  const cell = Math.floor(y / pitchY) * columns + column
  return column >= 0 && column < columns && cell >= 0 && cell < count ? cell : -1
}

/** The rectangle of a cell, without the gap. */
export function cellRectangle(
  { columns, pitchX, pitchY }: PieceGrid,
  cell: number,
): readonly [number, number, number, number] {
  const x = (cell % columns) * pitchX
  const next = ((cell % columns) + 1) * pitchX
  const left = Math.round(x)
  return [
    left,
    Math.floor(cell / columns) * pitchY,
    Math.max(1, Math.round(next) - left - CELL_GAP_PX),
    pitchY - CELL_GAP_PX,
  ]
}
