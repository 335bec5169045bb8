/** The pieces of a torrent as cells of a map, two characters for each. */

/** The state of the missing pieces of a cell. `next`: a reader needs one soon. `skipped`: none of them is wanted. */
export const PIECE_STATES = ['missing', 'skipped', 'active', 'next'] as const
export type PieceState = (typeof PIECE_STATES)[number]

/** One or several pieces that follow each other. */
export interface PieceCell {
  /** The part of them that is verified, from 0 to 1, in fifteenths. It is 0 or 1 only if none or all are. */
  readonly part: number
  /** The state of the missing pieces; `missing` if none is missing. */
  readonly state: PieceState
  /** The least number of connected peers that have one of them, without seeds; at most 63. */
  readonly copies: number
}

/** Cells of one row: rows are sent when they change. */
export const CELLS_PER_ROW = 64

const BASE64_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const MAX_LEVEL = 15
const MAX_COPIES = 63

/** Encodes a cell. @param part from 0 to 1 */
export function encodePieceCell({ copies, part, state }: PieceCell): string {
  const level = part <= 0 ? 0 : part >= 1 ? MAX_LEVEL : 1 + Math.floor(part * (MAX_LEVEL - 1))
  const first = PIECE_STATES.indexOf(state) * (MAX_LEVEL + 1) + level
  return BASE64_DIGITS[first]! + BASE64_DIGITS[Math.min(MAX_COPIES, copies)]!
}

/** Decodes the cells of a row. */
export function decodePieceCells(row: string): PieceCell[] {
  return Array.from({ length: row.length >> 1 }, (_, at) => {
    const first = Math.max(0, BASE64_DIGITS.indexOf(row[2 * at]!))
    const copies = Math.max(0, BASE64_DIGITS.indexOf(row[2 * at + 1]!))
    return { part: (first & MAX_LEVEL) / MAX_LEVEL, state: PIECE_STATES[first >> 4]!, copies }
  })
}
