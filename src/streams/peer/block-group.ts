import { BLOCK_LENGTH, type BlockRef, encodeInto, PIECE_HEAD } from '../../codec/message.ts'

/** Maximum blocks of a run. */
export const MAX_GROUP_BLOCKS = 16
/** Bytes before each block on the wire: length, id, index and begin. */
const BLOCK_HEAD_BYTES = 4 + PIECE_HEAD
/** Maximum bytes of a run on the wire. */
export const MAX_GROUP_BYTES = MAX_GROUP_BLOCKS * (BLOCK_HEAD_BYTES + BLOCK_LENGTH)
/** The same of a run of one or two blocks. */
export const MAX_SMALL_GROUP_BYTES = 2 * (BLOCK_HEAD_BYTES + BLOCK_LENGTH)

/**
 * Adjacent blocks of a piece that are uploaded together: one read, one buffer, one write.
 *
 * The blocks are read to the end of the buffer. Then each is moved forward to its place behind its header.
 */
export class BlockGroup {
  readonly blocks: readonly BlockRef[]
  /** Bytes of the blocks alone. */
  readonly length: number
  /** The bytes for the wire, valid after `frame`. */
  readonly bytes: Buffer
  /** The memory to read the blocks into. */
  readonly data: Buffer

  /** @param memory for blocks and headers; bytes beyond them are not changed */
  constructor(blocks: readonly BlockRef[], memory?: Uint8Array) {
    this.blocks = blocks
    this.length = totalLength(blocks)
    const heads = blocks.length * BLOCK_HEAD_BYTES
    const whole = groupLength(blocks)
    this.bytes = memory ? Buffer.from(memory.buffer, memory.byteOffset, whole) : Buffer.allocUnsafeSlow(whole)
    this.data = this.bytes.subarray(heads)
  }

  /** Adds the headers to the blocks that were read. */
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

/** Returns how many of the first requests are for adjacent blocks: from one to `maxCount`. */
export function countAdjacent(requests: readonly BlockRef[], maxCount: number): number {
  let blocks = 1
  while (blocks < Math.min(maxCount, requests.length)) {
    const { index, begin, length } = requests[blocks - 1]!
    const next = requests[blocks]!
    if (next.index !== index || next.begin !== begin + length) break
    blocks++
  }
  return blocks
}

/** Returns the bytes of these blocks with their headers. */
export function groupLength(blocks: readonly BlockRef[]): number {
  return blocks.length * BLOCK_HEAD_BYTES + totalLength(blocks)
}

/** Returns the bytes of these blocks. */
export function totalLength(blocks: readonly BlockRef[]): number {
  return blocks.reduce((sum, { length }) => sum + length, 0)
}
