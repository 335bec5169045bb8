import { leafOf, NODE_LENGTH } from '../../codec/merkle.ts'
import { BLOCK_LENGTH } from '../../codec/message.ts'
import { BLOCK_STATE, type PieceBuffer } from '../piece-buffer.ts'

/** The hashes that the blocks of a piece must have (BEP 52). */
export interface PieceLeaves {
  /** The leaves of the piece in the tree of its file, 32 bytes each. */
  readonly leaves: Uint8Array
  /** Bytes of the file in the piece. What follows them is padding, which is zero. */
  readonly length: number
}

/**
 * Hashes the blocks of a piece that have arrived, and marks those that match their leaves as verified.
 * @param first the first block to hash @param end the block after the last
 * @returns the wrong blocks
 */
export function findWrongBlocks(
  piece: PieceBuffer,
  expected: PieceLeaves,
  first = 0,
  end = piece.blocks,
): number[] {
  const wrong: number[] = []
  for (let block = first; block < end; block++) {
    if (piece.states[block] !== BLOCK_STATE.arrived || piece.isVerified(block)) continue
    if (isRight(piece, expected, block)) piece.markVerified(block)
    else wrong.push(block)
  }
  return wrong
}

function isRight(piece: PieceBuffer, { leaves, length }: PieceLeaves, block: number): boolean {
  const begin = block * BLOCK_LENGTH
  const bytes = piece.data.subarray(begin, begin + piece.blockLength(block))
  const inFile = Math.max(0, Math.min(bytes.length, length - begin))
  const leaf = leaves.subarray(block * NODE_LENGTH, (block + 1) * NODE_LENGTH)
  if (inFile > 0 && Buffer.compare(leafOf(bytes.subarray(0, inFile)), leaf) !== 0) return false
  return bytes.subarray(inFile).every(byte => byte === 0)
}
