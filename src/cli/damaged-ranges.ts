import { BLOCK_LENGTH } from '../codec/index.ts'
import type { Bitfield, Layout } from '../index.ts'

/** The wrong blocks of pieces, where they are known. */
export type DamagedBlocks = ReadonlyMap<number, readonly number[]>

/** Bytes of a file. */
export interface FileByteRange {
  /** Offset in the file. */
  readonly offset: number
  readonly length: number
}

/** Returns the bytes of a file in wrong blocks, and of wrong pieces without known blocks. */
export function findDamagedRanges(
  layout: Layout,
  fileIndex: number,
  verified: Bitfield,
  damaged: DamagedBlocks,
): FileByteRange[] {
  const { length, offset: fileOffset } = layout.files[fileIndex]!
  const { first, last } = layout.piecesOf(fileIndex)!
  const ranges: { offset: number; length: number }[] = []
  const add = (offset: number, size: number) => {
    const clipped = Math.min(size, length - offset)
    const before = ranges.at(-1)
    if (before && before.offset + before.length === offset) before.length += clipped
    else ranges.push({ offset, length: clipped })
  }
  for (let piece = first; piece <= last; piece++) {
    if (verified.has(piece)) continue
    const offset = piece * layout.pieceLength - fileOffset
    const blocks = damaged.get(piece)
    if (!blocks) add(offset, layout.pieceLength)
    for (const block of blocks ?? []) add(offset + block * BLOCK_LENGTH, BLOCK_LENGTH)
  }
  return ranges
}
