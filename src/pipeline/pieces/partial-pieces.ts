import { Bitfield } from '../../codec/bitfield.ts'
import { BLOCK_LENGTH } from '../../codec/message.ts'
import type { Layout } from '../../metainfo/layout.ts'
import type { PartialBlocks } from '../../storage/resume-encoding.ts'
import type { Storage } from '../../storage/storage.ts'
import { BLOCK_STATE, type PieceBuffer } from '../../streams/piece-buffer.ts'

/**
 * Keeps the blocks of pieces that are given up before they are complete: writes them to their places in the files, and reads
 * them back when the piece is begun again.
 *
 * A block that is read back has no giver, so no peer is blamed if its piece is wrong.
 */
export class PartialPieces {
  readonly #layout: Layout
  readonly #storage: Storage
  /** Stored blocks of pieces that are not active. */
  readonly #idleBlocks = new Map<number, Bitfield>()
  /** Stored blocks of active pieces. */
  readonly #activeBlocks = new WeakMap<PieceBuffer, Bitfield>()
  /** The writes in progress, by piece. */
  readonly #saving = new Map<number, Promise<void>>()
  readonly #restoring = new Set<Promise<PieceBuffer>>()
  readonly #verified: Bitfield

  /** @param verified pieces of which no blocks are kept */
  constructor(layout: Layout, storage: Storage, verified: Bitfield) {
    this.#layout = layout
    this.#storage = storage
    this.#verified = verified
  }

  /** Takes the blocks that an earlier run stored. */
  load(blocks: PartialBlocks): void {
    for (const [index, bits] of blocks) this.#idleBlocks.set(index, bits)
  }

  /** True if blocks of this piece can be read back. */
  has(index: number): boolean {
    return this.#idleBlocks.has(index) || this.#saving.has(index)
  }

  /** Reads the kept blocks of a new piece, and marks them as arrived. Never rejects. */
  restore(piece: PieceBuffer): Promise<PieceBuffer> {
    const restoring = this.#restore(piece)
    this.#restoring.add(restoring)
    return restoring.finally(() => this.#restoring.delete(restoring))
  }

  async #restore(piece: PieceBuffer): Promise<PieceBuffer> {
    await this.#saving.get(piece.index)
    const kept = this.#idleBlocks.get(piece.index)
    this.#idleBlocks.delete(piece.index)
    if (kept === undefined) return piece
    const restored = new Bitfield(piece.blocks)
    for (const [first, end] of runsOf(kept)) {
      const begin = first * BLOCK_LENGTH
      const target = piece.data.subarray(begin, Math.min(end * BLOCK_LENGTH, piece.length))
      const readLength = await this.#storage.read(this.#positionOf(piece) + begin, target).catch(() => 0)
      for (let block = first; block < end; block++) {
        if (block * BLOCK_LENGTH + piece.blockLength(block) > begin + readLength) break
        piece.arrive(block, undefined)
        restored.add(block)
      }
    }
    this.#activeBlocks.set(piece, restored)
    return piece
  }

  /** Notes that blocks of an active piece are wrong, so that they are not kept as they are. */
  reject(piece: PieceBuffer, blocks: readonly number[]): void {
    for (const block of blocks) this.#activeBlocks.get(piece)?.delete(block)
  }

  /** Writes the arrived blocks of a closed piece. Its memory can be reused once this resolves. Never rejects. */
  save(piece: PieceBuffer): Promise<void> {
    const { index } = piece
    const saving = (async () => {
      await this.#saving.get(index)
      const bits = await this.#write(piece)
      if (bits.count > 0) this.#idleBlocks.set(index, bits)
    })()
    this.#saving.set(index, saving)
    return saving.finally(() => {
      if (this.#saving.get(index) === saving) this.#saving.delete(index)
    })
  }

  /** Resolves when nothing is being read or written. */
  async settled(): Promise<void> {
    while (this.#saving.size + this.#restoring.size > 0)
      await Promise.all([...this.#saving.values(), ...this.#restoring])
  }

  /** Writes the arrived blocks of the active pieces. @returns all stored blocks */
  async snapshot(active: Iterable<PieceBuffer>): Promise<PartialBlocks> {
    await Promise.all(this.#saving.values())
    const blocks = new Map([...this.#idleBlocks].filter(([index]) => !this.#verified.has(index)))
    for (const piece of active) {
      const bits = await this.#write(piece)
      if (bits.count > 0) blocks.set(piece.index, bits)
    }
    return blocks
  }

  /** Writes the arrived blocks that are not stored. @returns the stored blocks */
  async #write(piece: PieceBuffer): Promise<Bitfield> {
    const written = this.#activeBlocks.get(piece) ?? new Bitfield(piece.blocks)
    this.#activeBlocks.set(piece, written)
    const arrived = new Bitfield(piece.blocks)
    for (let block = 0; block < piece.blocks; block++)
      if (piece.states[block] === BLOCK_STATE.arrived && !written.has(block) && this.#keeps(piece, block))
        arrived.add(block)
    for (const [first, end] of runsOf(arrived)) {
      const begin = first * BLOCK_LENGTH
      const bytes = piece.data.subarray(begin, Math.min(end * BLOCK_LENGTH, piece.length))
      try {
        await this.#storage.write(this.#positionOf(piece) + begin, bytes)
      } catch {
        break // it is fetched again
      }
      for (let block = first; block < end; block++) written.add(block)
    }
    return written
  }

  #keeps(piece: PieceBuffer, block: number): boolean {
    const position = this.#positionOf(piece) + block * BLOCK_LENGTH
    return this.#storage.keeps?.(position, piece.blockLength(block)) ?? false
  }

  #positionOf({ index }: PieceBuffer): number {
    return this.#layout.pieceRange(index).position
  }
}

/** Returns the runs of set bits: the first of each, and the one after the last. */
function* runsOf(bits: Bitfield): Generator<readonly [first: number, end: number]> {
  let first = -1
  for (let at = 0; at <= bits.size; at++) {
    if (bits.has(at) && at < bits.size) {
      if (first < 0) first = at
    } else if (first >= 0) {
      yield [first, at]
      first = -1
    }
  }
}
