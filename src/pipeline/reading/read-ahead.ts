import { BLOCK_LENGTH } from '../../codec/message.ts'
import type { Storage } from '../../storage/storage.ts'
import { PiecePool } from '../limits/piece-pool.ts'

/** Bytes that are read at once, within one piece. */
const CHUNK_BYTES = 1 << 16
/** Reads of more bytes are left alone: a fast peer takes many blocks at once. */
const MAX_READ_BYTES = 2 * BLOCK_LENGTH
/** Chunks of all torrents of the process. */
const MAX_CHUNKS = 128
/** Number of ends of reads that are remembered for each torrent. */
const MAX_ENDS = 512

interface Chunk {
  readonly owner: Map<number, Chunk>
  readonly key: number
  /** Positions in the torrent. */
  readonly from: number
  readonly end: number
  /** `CHUNK_BYTES` of memory. */
  readonly memory: Uint8Array
  /** Resolves with the number of bytes read; never rejects. */
  readonly loaded: Promise<number>
  /** Reads that wait for it. Its memory is not reused before they end. */
  users: number
  isDropped: boolean
}

/** The chunks of all torrents, the one that was used longest ago first. */
const chunks = new Set<Chunk>()
/** Memory is reused: the garbage collector would count it, and run for it. */
const pool = new PiecePool(CHUNK_BYTES, MAX_CHUNKS)

export interface ReadAheadOptions {
  readonly storage: Pick<Storage, 'read'>
  /** Bytes of each piece but the last, and of the torrent. */
  readonly pieceLength: number
  readonly length: number
}

/**
 * Reads stored pieces for peers that take them block by block: a read that begins where an earlier one ended also brings
 * the blocks behind it. A read through a thread costs much more than the bytes of a block.
 *
 * The bytes are kept in memory until they were taken, or others need the room: 8 MiB for all torrents of the process.
 */
export class ReadAhead implements Pick<Storage, 'read'> {
  readonly #options: ReadAheadOptions
  /** By the number of the chunk in the torrent. */
  readonly #chunks = new Map<number, Chunk>()
  /** Ends of reads, the oldest first. */
  readonly #ends = new Set<number>()

  constructor(options: ReadAheadOptions) {
    this.#options = options
  }

  /** See Storage. */
  async read(position: number, target: Uint8Array): Promise<number> {
    const end = position + target.length
    const chunk = target.length > MAX_READ_BYTES ? undefined : this.#findChunk(position, end)
    const isThere = chunk && (await copy(chunk, position, target))
    if (!isThere) return this.#options.storage.read(position, target)
    if (end === chunk.end) drop(chunk)
    return target.length
  }

  /** Forgets all bytes: they may have changed in the storage, or no peer takes them any more. */
  clear(): void {
    for (const chunk of this.#chunks.values()) drop(chunk)
    this.#ends.clear()
  }

  /** Returns the chunk with these bytes. It is read now if they follow those of an earlier read. */
  #findChunk(position: number, end: number): Chunk | undefined {
    const isNext = this.#ends.delete(position)
    this.#noteEnd(end)
    const key = Math.floor(position / CHUNK_BYTES)
    const known = this.#chunks.get(key)
    if (known && position >= known.from && end <= known.end) {
      chunks.delete(known)
      chunks.add(known)
      return known
    }
    const { length, pieceLength } = this.#options
    const pieceEnd = (Math.floor(position / pieceLength) + 1) * pieceLength
    const chunkEnd = Math.min((key + 1) * CHUNK_BYTES, pieceEnd, length)
    return isNext && chunkEnd > end ? this.#load(key, position, chunkEnd) : undefined
  }

  #noteEnd(end: number): void {
    this.#ends.add(end)
    if (this.#ends.size > MAX_ENDS) this.#ends.delete(this.#ends.values().next().value!)
  }

  #load(key: number, from: number, end: number): Chunk {
    const before = this.#chunks.get(key)
    if (before) drop(before)
    if (chunks.size === MAX_CHUNKS) drop(chunks.values().next().value!)
    const memory = pool.take()
    // if this fails, the block is read alone, which may fail too
    const loaded = this.#options.storage.read(from, memory.subarray(0, end - from)).catch(() => 0)
    const chunk = { owner: this.#chunks, key, from, end, memory, loaded, users: 0, isDropped: false }
    this.#chunks.set(key, chunk)
    chunks.add(chunk)
    return chunk
  }
}

/** Copies bytes of a chunk, once it is read. @returns false if they are missing */
async function copy(chunk: Chunk, position: number, target: Uint8Array): Promise<boolean> {
  const at = position - chunk.from
  chunk.users++
  const isThere = (await chunk.loaded) >= at + target.length
  if (isThere) target.set(chunk.memory.subarray(at, at + target.length))
  chunk.users--
  if (chunk.isDropped) release(chunk)
  return isThere
}

function drop(chunk: Chunk): void {
  if (!chunks.delete(chunk)) return
  chunk.owner.delete(chunk.key)
  chunk.isDropped = true
  release(chunk)
}

function release({ memory, users }: Chunk): void {
  if (users === 0) pool.give(memory)
}
