import { checkArgument } from '../codec/check-arguments.ts'
import { BLOCK_LENGTH } from '../codec/message.ts'
import { InputError } from '../errors.ts'

/** The states of a block of a piece. */
export const BLOCK_STATE = { free: 0, requested: 1, arrived: 2 } as const

/** Writes blocks into their pieces. */
export interface BlockWriter {
  /** Another writer has claimed this block: write no more bytes of it. */
  divert(index: number, begin: number): void
}

/** Knows which pieces the blocks of a peer belong to. */
export interface BlockPlace {
  /** Claims a block of exactly `length` bytes for `writer`. @returns its piece, or null if the block is to be skipped */
  place(index: number, begin: number, length: number, writer: BlockWriter): PieceBuffer | null
}

/**
 * An active piece: the memory for its blocks and the state of each block.
 *
 * Peers write into `data` before their messages are handled in order, so a block arrives in two steps. A writer claims the
 * block and writes it; later its message is handled and calls `arrive`. Three rules keep verified bytes from changing:
 *
 * - A block has at most one writer, the latest that claimed it.
 * - A block arrives only if its writer still has its claim.
 * - A block that has arrived cannot be claimed.
 */
export class PieceBuffer {
  readonly index: number
  /** Bytes. */
  readonly length: number
  readonly data: Uint8Array
  /** A `BLOCK_STATE` state for every block. */
  readonly states: Uint8Array
  /** The fetcher that brought each block. */
  readonly givers: unknown[] = []
  /** The number of free blocks. */
  free: number
  /** The number of blocks that have arrived. */
  arrived = 0
  /** True to verify each block when it arrives, not many at a time. */
  passesEachBlock = false
  /** True once the piece was given up or verified: no block can be claimed. */
  closed = false
  readonly #writers: (BlockWriter | undefined)[] = []
  /** 1 for each block that matches its own hash (BEP 52). */
  #verified: Uint8Array | undefined

  /** @param data at least `length` bytes; more are not used */
  constructor(index: number, length: number, data?: Uint8Array) {
    checkArgument('index', index, 'whole')
    checkArgument('length', length, 'whole')
    this.index = index
    this.length = length
    const bytes = data ?? Buffer.allocUnsafeSlow(length)
    this.data = bytes.length === length ? bytes : bytes.subarray(0, length)
    this.states = new Uint8Array(Math.ceil(length / BLOCK_LENGTH))
    this.free = this.states.length
  }

  /** The number of blocks. */
  get blocks(): number {
    return this.states.length
  }

  /** Bytes of a block: 16 KiB for all but the last. */
  blockLength(block: number): number {
    return Math.min(BLOCK_LENGTH, this.length - block * BLOCK_LENGTH)
  }

  /** Returns the place of adjacent blocks, in bytes from the start of the piece. */
  locate(block: number, count: number): { begin: number; length: number } {
    const begin = block * BLOCK_LENGTH
    return { begin, length: Math.min(count * BLOCK_LENGTH, this.length - begin) }
  }

  /** True if every block has arrived. */
  get complete(): boolean {
    return this.arrived === this.blocks
  }

  /** Marks a free block as requested. */
  request(block: number): void {
    if (this.states[block] !== BLOCK_STATE.free) return
    this.states[block] = BLOCK_STATE.requested
    this.free--
  }

  /** Marks a requested block as free again. */
  release(block: number): boolean {
    if (this.closed || this.states[block] !== BLOCK_STATE.requested) return false
    this.states[block] = BLOCK_STATE.free
    this.free++
    return true
  }

  /**
   * Makes `writer` the writer of a block and diverts the previous one.
   * @returns false if the block must not be written: it has arrived, `writer` has written it before, or the piece is closed
   */
  claim(block: number, writer: BlockWriter): boolean {
    if (this.closed || this.states[block] === BLOCK_STATE.arrived) return false
    const previous = this.#writers[block]
    if (previous === writer) return false // it writes one block after the other, so this one is complete
    this.#writers[block] = writer
    previous?.divert(this.index, block * BLOCK_LENGTH)
    return true
  }

  /** Claims a block. @returns the memory of the block, or null if it must not be written */
  place(block: number, writer: BlockWriter): Uint8Array | null {
    if (!this.claim(block, writer)) return null
    const begin = block * BLOCK_LENGTH
    return this.data.subarray(begin, begin + this.blockLength(block))
  }

  /** Returns true while no other writer has claimed the block since, and the piece is open. */
  isClaimedBy(block: number, writer: BlockWriter): boolean {
    return this.#writers[block] === writer
  }

  /** Ends the claim of a writer, if it still has it. */
  unclaim(block: number, writer: BlockWriter): void {
    if (this.isClaimedBy(block, writer)) this.#writers[block] = undefined
  }

  /** Marks a block as arrived: `giver` brought all of its bytes. */
  arrive(block: number, giver: unknown): void {
    if (this.states[block] === BLOCK_STATE.free) this.free--
    this.states[block] = BLOCK_STATE.arrived
    this.#writers[block] = undefined
    this.givers[block] = giver
    this.arrived++
  }

  /** True if a block matches its own hash (BEP 52). */
  isVerified(block: number): boolean {
    return this.#verified?.[block] === 1
  }

  /** Notes that a block, which has arrived, matches its own hash. */
  markVerified(block: number): void {
    this.#verified ??= new Uint8Array(this.blocks)
    this.#verified[block] = 1
  }

  /** Returns the verified bytes from `offset` on, without a gap; undefined if there are none. */
  verifiedBytes(offset: number): Uint8Array | undefined {
    let block = Math.floor(offset / BLOCK_LENGTH)
    while (this.isVerified(block)) block++
    const end = Math.min(block * BLOCK_LENGTH, this.length)
    return end > offset ? this.data.subarray(offset, end) : undefined
  }

  /** Gives up a block with wrong bytes, which has arrived. It can be requested again, also if the piece was closed. */
  reject(block: number): void {
    this.closed = false
    this.states[block] = BLOCK_STATE.free
    this.givers[block] = undefined
    this.free++
    this.arrived--
  }

  /** Closes the piece: nothing is written into `data` afterwards. */
  close(): void {
    this.closed = true
    this.#writers.forEach((writer, block) => {
      writer?.divert(this.index, block * BLOCK_LENGTH)
    })
    this.#writers.length = 0
  }

  /** Copies a block that is already in memory. @throws InputError ERR_USAGE if it is not a block of this piece */
  put(begin: number, bytes: Uint8Array, giver?: unknown): Block {
    checkArgument('bytes', bytes, 'bytes')
    const block = begin / BLOCK_LENGTH
    if (!Number.isInteger(block) || block >= this.blocks || bytes.length !== this.blockLength(block)) {
      throw new InputError(
        'ERR_USAGE',
        `begin: no block of ${bytes.length} bytes at ${begin} in piece ${this.index}`,
      )
    }
    this.data.set(bytes, begin)
    if (this.states[block] !== BLOCK_STATE.arrived) this.arrive(block, giver)
    return { piece: this, begin, length: bytes.length }
  }
}

/** A block, or adjacent blocks, in their place in a piece: the item that travels from the peers to the verifier. */
export interface Block {
  readonly piece: PieceBuffer
  /** Bytes from the piece's start. */
  readonly begin: number
  /** Bytes. */
  readonly length: number
}
