import type { PieceMessage } from '../../codec/message.ts'
import { copyBytes } from '../copy-bytes.ts'
import type { Block, BlockPlace, BlockWriter, PieceBuffer } from '../piece-buffer.ts'
import type { BlocksMessage } from './incoming.ts'

/** Blocks of one `blocks` message at most. */
const MAX_BLOCKS = 64

/** The block that a peer is sending, and the complete ones before it that are not passed on yet. */
export class IncomingBlock implements BlockWriter {
  /** Bytes that are still to come. */
  missing = 0
  readonly #places: BlockPlace | undefined
  #index = 0
  #begin = 0
  #length = 0
  /** The memory for the block, and where the block begins in it; null to skip its bytes. */
  #target: Uint8Array | null = null
  #offset = 0
  /** The piece that the block is written into, if it has a place. */
  #piece: PieceBuffer | null = null
  /** Adjacent blocks of a piece are one item. */
  #blocks: (Block & { length: number })[] = []
  #blockCount = 0

  /** @param places knows the pieces; without it each block gets its own memory */
  constructor(places: BlockPlace | undefined) {
    this.#places = places
  }

  /** True if no more complete blocks should be added before `takeBlocks`. */
  get isFull(): boolean {
    return this.#blockCount === MAX_BLOCKS
  }

  /** Starts a block. */
  begin(index: number, begin: number, length: number): void {
    this.#index = index
    this.#begin = begin
    this.#length = this.missing = length
    if (this.#places) {
      this.#piece = this.#places.place(index, begin, length, this)
      this.#target = this.#piece?.data ?? null
      this.#offset = begin
    } else {
      this.#target = Buffer.allocUnsafeSlow(length)
      this.#offset = 0
    }
  }

  /** Writes the bytes of the block that `chunk` has from `at` on. @returns where the rest of the chunk begins */
  write(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.missing)
    if (this.#target) {
      const part = at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end)
      copyBytes(part, this.#target, this.#offset + this.#length - this.missing)
    }
    this.missing -= end - at
    return end
  }

  /** Ends a complete block. @returns its message if it has no place in a piece; otherwise `takeBlocks` returns the block */
  end(): PieceMessage | undefined {
    const piece = this.#piece
    const data = this.#target
    this.#piece = this.#target = null
    if (!piece) return { type: 'piece', index: this.#index, begin: this.#begin, length: this.#length, data }
    const last = this.#blocks.at(-1)
    const begin = this.#begin
    const length = this.#length
    this.#blockCount++
    if (last?.piece === piece && last.begin + last.length === begin) last.length += length
    else this.#blocks.push({ piece, begin, length })
    return undefined
  }

  /** Returns a message with the complete blocks since the last call, if there are any. */
  takeBlocks(): BlocksMessage | undefined {
    if (this.#blocks.length === 0) return undefined
    const blocks = this.#blocks
    this.#blocks = []
    this.#blockCount = 0
    return { type: 'blocks', blocks, writer: this }
  }

  divert(index: number, begin: number): void {
    if (this.#piece?.index !== index || this.#begin !== begin) return
    this.#piece = this.#target = null
  }
}
