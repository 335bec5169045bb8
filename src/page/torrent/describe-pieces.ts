import type { PieceCell } from '../../codec/piece-cells.ts'
import type { ListedPieces } from '../../server/page/torrent-documents.ts'
import { formatCount, formatPart } from '../format.ts'

/** Describes the whole map in one sentence. */
export function describePieces(pieces: ListedPieces): string {
  const { active, count, have, missing, next } = pieces
  const skipped = count - have - missing
  const parts = [
    `${have.toLocaleString('en')} of ${formatCount(count, 'piece')} ${have === 1 ? 'is' : 'are'} here`,
  ]
  if (active > 0) parts.push(`${active.toLocaleString('en')} in flight`)
  if (next > 0) parts.push(`${next.toLocaleString('en')} needed next`)
  if (missing > 0) parts.push(`${missing.toLocaleString('en')} missing`)
  if (skipped > 0) parts.push(`${skipped.toLocaleString('en')} not wanted`)
  return parts.join(', ')
}

const PIECE_STATE_LABELS = {
  active: 'in flight',
  missing: 'missing',
  next: 'needed next',
  skipped: 'not wanted',
} as const

/** Describes one cell of the map. Pieces are counted from 1. */
export function describeCell(
  { cellSize, count, seeds }: ListedPieces,
  cell: PieceCell,
  index: number,
): string {
  const first = index * cellSize + 1
  const last = Math.min(count, first + cellSize - 1)
  const name =
    first === last ? `Piece ${first}` : `Pieces ${first.toLocaleString('en')} to ${last.toLocaleString('en')}`
  const isWhole = cell.part >= 1
  const state = isWhole
    ? 'here'
    : cell.part > 0
      ? `about ${formatPart(cell.part)} here, ${PIECE_STATE_LABELS[cell.state]}`
      : PIECE_STATE_LABELS[cell.state]
  const copies = cell.copies + seeds
  return `${name}: ${state}; ${copies === 0 ? 'no connected peer has' : `${formatCount(copies, 'connected peer')} ${copies === 1 ? 'has' : 'have'}`} ${first === last ? 'it' : 'the rarest of them'}`
}
