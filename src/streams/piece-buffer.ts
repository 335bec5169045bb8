import { BLOCK_LENGTH } from '../codec/message.ts'

/** Where a block of a piece stands: it is in exactly one of these states. */
export const BLOCK = { free: 0, requested: 1, arrived: 2 } as const

/** Who is writing a block into its place right now. */
export interface BlockWriter {
  /** Somebody else has taken over this block: put what is still to come nowhere. */
  divert(index: number, begin: number): void
}

/** Who knows where the bytes of a block belong. */
export interface BlockPlace {
  /** Memory of exactly `length` bytes for a block that `writer` begins to write, or null to skip it. */
  place(index: number, begin: number, length: number, writer: BlockWriter): Uint8Array | null
  /** The block is in its place, whole. Called before anything else can happen to that memory; no message follows. */
  placed(index: number, begin: number, length: number): void
}

/**
 * One piece on its way: the memory that its blocks are written into, and where each block stands.
 *
 * Sockets write straight into `data`, so two rules keep verified bytes from changing under the hash:
 * a block has at most one writer, the latest, and what has arrived gets no writer again.
 */
export class PieceBuffer {
  readonly index: number
  /** Bytes. */
  readonly length: number
  readonly data: Uint8Array
  /** A `BLOCK` state for every block. */
  readonly states: Uint8Array
  /** Who gave each block, for blame. */
  readonly givers: unknown[] = []
  /** Blocks that are free. */
  free: number
  /** Blocks that have arrived. */
  arrived = 0
  /** Set when the piece was given up or is done: late blocks find no place. */
  closed = false
  readonly #writers: (BlockWriter | undefined)[] = []

  /** @param data at least `length` bytes; what is beyond is not touched */
  constructor(index: number, length: number, data: Uint8Array = Buffer.allocUnsafeSlow(length)) {
    this.index = index
    this.length = length
    this.data = data.length === length ? data : data.subarray(0, length)
    this.states = new Uint8Array(Math.ceil(length / BLOCK_LENGTH))
    this.free = this.states.length
  }

  /** How many blocks there are. */
  get blocks(): number {
    return this.states.length
  }

  /** Bytes of a block: 16 KiB for all but the last. */
  blockLength(block: number): number {
    return Math.min(BLOCK_LENGTH, this.length - block * BLOCK_LENGTH)
  }

  get complete(): boolean {
    return this.arrived === this.blocks
  }

  /** Marks a free block as asked for. */
  request(block: number): void {
    if (this.states[block] !== BLOCK.free) return
    this.states[block] = BLOCK.requested
    this.free--
  }

  /** Marks a block that was asked for as free again. */
  release(block: number): boolean {
    if (this.closed || this.states[block] !== BLOCK.requested) return false
    this.states[block] = BLOCK.free
    this.free++
    return true
  }

  /** Where `writer` may write a block, or null when it has arrived or the piece is done. */
  place(block: number, writer: BlockWriter): Uint8Array | null {
    if (this.closed || this.states[block] === BLOCK.arrived) return null
    const before = this.#writers[block]
    if (before && before !== writer) before.divert(this.index, block * BLOCK_LENGTH)
    this.#writers[block] = writer
    const begin = block * BLOCK_LENGTH
    return this.data.subarray(begin, begin + this.blockLength(block))
  }

  /** Marks a block as written whole, by `giver`. */
  arrive(block: number, giver: unknown): void {
    if (this.states[block] === BLOCK.free) this.free--
    this.states[block] = BLOCK.arrived
    this.#writers[block] = undefined
    this.givers[block] = giver
    this.arrived++
  }

  /** Ends it: nobody writes into `data` from now on. */
  close(): void {
    this.closed = true
    this.#writers.forEach((writer, block) => {
      writer?.divert(this.index, block * BLOCK_LENGTH)
    })
    this.#writers.length = 0
  }

  /** Copies a block in: for those who have it in memory already. */
  put(begin: number, bytes: Uint8Array, giver?: unknown): Block {
    const block = begin / BLOCK_LENGTH
    if (!Number.isInteger(block) || block >= this.blocks || bytes.length !== this.blockLength(block)) {
      throw new RangeError(`no block of ${bytes.length} bytes at ${begin} in piece ${this.index}`)
    }
    this.data.set(bytes, begin)
    if (this.states[block] !== BLOCK.arrived) this.arrive(block, giver)
    return { piece: this, begin, length: bytes.length }
  }
}

/** The news that a block is in its place: what travels from the peers to the verifier. */
export interface Block {
  readonly piece: PieceBuffer
  /** Bytes from the piece's start. */
  readonly begin: number
  /** Bytes. */
  readonly length: number
}
