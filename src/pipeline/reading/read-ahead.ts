import { BLOCK_LENGTH } from '../../codec/message.ts'
import type { Storage } from '../../storage/storage.ts'
import { CHUNK_BYTES, type ReadChunk, type ReadChunks } from '../limits/read-chunks.ts'

/** Reads of more bytes are left alone: a fast peer takes many blocks at once. */
const MAX_READ_BYTES = 2 * BLOCK_LENGTH
/** Number of ends of reads that are remembered for each torrent. */
const MAX_ENDS = 512

export interface ReadAheadOptions {
  readonly storage: Pick<Storage, 'read'>
  /** Bytes of each piece but the last, and of the torrent. */
  readonly pieceLength: number
  readonly length: number
  /** Holds the bytes, for all torrents of a client. */
  readonly chunks: ReadChunks
}

/**
 * Reads stored pieces for peers that take them block by block: a read that begins where an earlier one ended also brings
 * the blocks behind it. A read through a thread costs much more than the bytes of a block.
 *
 * The bytes are kept until they were taken, or others need the room. With so many slow peers that the bytes would be dropped
 * before their peer takes them, each block is read alone.
 */
export class ReadAhead implements Pick<Storage, 'read'> {
  readonly #options: ReadAheadOptions
  /** By the number of the chunk in the torrent. */
  readonly #chunks = new Map<number, ReadChunk>()
  /** The ends of reads, the oldest first, with the number of reads of all torrents by then. */
  readonly #ends = new Map<number, number>()

  constructor(options: ReadAheadOptions) {
    this.#options = options
  }

  /** See Storage. */
  async read(position: number, target: Uint8Array): Promise<number> {
    const { chunks, storage } = this.#options
    const end = position + target.length
    const chunk = target.length > MAX_READ_BYTES ? undefined : this.#findChunk(position, end)
    const isThere = chunk && (await chunks.copy(chunk, position, target))
    if (!isThere) return storage.read(position, target)
    if (end === chunk.end) chunks.drop(chunk)
    return target.length
  }

  /** Forgets all bytes: they may have changed in the storage, or no peer takes them any more. */
  clear(): void {
    for (const chunk of this.#chunks.values()) this.#options.chunks.drop(chunk)
    this.#ends.clear()
  }

  /** Returns the chunk with these bytes. It is read now if they follow those of an earlier read. */
  #findChunk(position: number, end: number): ReadChunk | undefined {
    const { chunks, length, pieceLength, storage } = this.#options
    const now = chunks.countRead()
    const endedAt = this.#ends.get(position)
    this.#ends.delete(position)
    this.#noteEnd(end, now)
    const key = Math.floor(position / CHUNK_BYTES)
    const known = this.#chunks.get(key)
    if (known && position >= known.from && end <= known.end) {
      chunks.touch(known)
      return known
    }
    if (endedAt === undefined || !chunks.keepsFor(now - endedAt)) return undefined
    const pieceEnd = (Math.floor(position / pieceLength) + 1) * pieceLength
    const chunkEnd = Math.min((key + 1) * CHUNK_BYTES, pieceEnd, length)
    if (chunkEnd <= end) return undefined
    return chunks.add(this.#chunks, { key, from: position, end: chunkEnd }, memory =>
      storage.read(position, memory),
    )
  }

  #noteEnd(end: number, now: number): void {
    this.#ends.set(end, now)
    if (this.#ends.size > MAX_ENDS) this.#ends.delete(this.#ends.keys().next().value!)
  }
}
