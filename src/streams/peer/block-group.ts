import { BLOCK_LENGTH, type BlockRef, encodeInto, PIECE_HEAD } from '../../codec/message.ts'

/** Blocks of the longest run. */
export const MAX_GROUP_BLOCKS = 16
/** Bytes ahead of each block on the wire: length, id, index and begin. */
const BLOCK_HEAD_BYTES = 4 + PIECE_HEAD
/** Bytes of the longest run on the wire. */
export const MAX_GROUP_BYTES = MAX_GROUP_BLOCKS * (BLOCK_HEAD_BYTES + BLOCK_LENGTH)

/**
 * Blocks that follow each other in a piece, on their way from a storage to the wire: one read, one buffer, one write.
 *
 * They are read behind each other to the end of the buffer; then each is moved forward to its place behind its head.
 */
export class BlockGroup {
  readonly blocks: readonly BlockRef[]
  /** Bytes of the blocks alone. */
  readonly length: number
  /** What goes over the wire, once `frame` was called. */
  readonly bytes: Buffer
  /** Where the blocks are to be read to. */
  readonly data: Buffer

  /** @param memory for all of it, heads included; what is beyond is not touched */
  constructor(blocks: readonly BlockRef[], memory?: Uint8Array) {
    this.blocks = blocks
    this.length = totalLength(blocks)
    const heads = blocks.length * BLOCK_HEAD_BYTES
    const whole = heads + this.length
    this.bytes = memory ? Buffer.from(memory.buffer, memory.byteOffset, whole) : Buffer.allocUnsafeSlow(whole)
    this.data = this.bytes.subarray(heads)
  }

  /** Makes messages of the blocks that were read. */
  frame(): void {
    let from = 0
    let at = 0
    for (const { index, begin, length } of this.blocks) {
      this.data.copy(this.bytes, at + BLOCK_HEAD_BYTES, from, from + length)
      encodeInto({ type: 'piece', index, begin, length, data: null }, this.bytes, at)
      from += length
      at += BLOCK_HEAD_BYTES + length
    }
  }
}

/** How many of the first requests follow each other: at least one, at most `most`. */
export function countAdjacent(requests: readonly BlockRef[], most: number): number {
  let blocks = 1
  while (blocks < Math.min(most, requests.length)) {
    const { index, begin, length } = requests[blocks - 1]!
    const next = requests[blocks]!
    if (next.index !== index || next.begin !== begin + length) break
    blocks++
  }
  return blocks
}

/** Bytes of these blocks. */
export function totalLength(blocks: readonly BlockRef[]): number {
  return blocks.reduce((sum, { length }) => sum + length, 0)
}
