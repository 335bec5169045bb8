import { MAX_GROUP_BYTES, MAX_SMALL_GROUP_BYTES } from '../../streams/peer/block-group.ts'
import { PiecePool } from './piece-pool.ts'
import { ReadChunks } from './read-chunks.ts'

/** Buffers for runs of blocks that are kept for reuse, and for runs of one or two blocks. */
const MAX_POOLED_GROUPS = 32
const MAX_POOLED_SMALL_GROUPS = 128

/** Buffers for runs of blocks, of two sizes: with a rate limit, or many peers, runs are short. */
export class RunBuffers {
  readonly #small = new PiecePool(MAX_SMALL_GROUP_BYTES, MAX_POOLED_SMALL_GROUPS)
  readonly #large = new PiecePool(MAX_GROUP_BYTES, MAX_POOLED_GROUPS)

  /** Returns memory of at least this many bytes, at most `MAX_GROUP_BYTES`. */
  take(length: number): Uint8Array {
    return length <= MAX_SMALL_GROUP_BYTES ? this.#small.take() : this.#large.take()
  }

  /** Takes memory back. */
  give(bytes: Uint8Array): void {
    const pool = bytes.buffer.byteLength === MAX_SMALL_GROUP_BYTES ? this.#small : this.#large
    pool.give(bytes)
  }
}

/** The memory into which a client reads pieces for peers. Torrents share it, because hundreds of them would each keep some. */
export class UploadMemory {
  /** Buffers for runs of blocks that are sent. */
  readonly runs = new RunBuffers()
  /** Bytes that are read ahead. */
  readonly chunks = new ReadChunks()
}
