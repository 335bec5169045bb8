import { PiecePool } from './piece-pool.ts'

/** Bytes of a chunk. */
export const CHUNK_BYTES = 1 << 16
/** Maximum number of chunks of all torrents of a client. */
const MAX_CHUNKS = 128

/** Bytes of a torrent that were read before a peer requested them. */
export interface ReadChunk {
  /** The chunks of its torrent, and its number there. */
  readonly owner: Map<number, ReadChunk>
  readonly key: number
  /** Positions in the torrent. */
  readonly from: number
  readonly end: number
  /** `CHUNK_BYTES` of memory. */
  readonly memory: Uint8Array
  /** Resolves with the number of bytes read; never rejects. */
  readonly loaded: Promise<number>
  /** The number of reads of all torrents when it was last used. */
  usedAt: number
  /** Reads that wait for it. Its memory is not reused before they end. */
  users: number
  isDropped: boolean
}

/** The bytes that all torrents of a client have read ahead: 8 MiB at most. The least recently used chunk is dropped first. */
export class ReadChunks {
  /** The least recently used first. */
  readonly #chunks = new Set<ReadChunk>()
  /** Memory is reused: the garbage collector would count it, and run for it. */
  readonly #pool = new PiecePool(CHUNK_BYTES, MAX_CHUNKS)
  #reads = 0

  /** Counts a read of a torrent. Chunks age by reads. @returns the number of reads so far */
  countRead(): number {
    return ++this.#reads
  }

  /** True if a chunk that is read now is likely to be kept for this many reads. */
  keepsFor(reads: number): boolean {
    if (this.#chunks.size < MAX_CHUNKS) return true
    const { usedAt } = this.#chunks.values().next().value!
    return this.#reads - usedAt >= reads
  }

  /** Adds a chunk of a torrent. @param read fills memory, and returns the number of bytes read */
  add(
    owner: Map<number, ReadChunk>,
    place: Pick<ReadChunk, 'key' | 'from' | 'end'>,
    read: (memory: Uint8Array) => Promise<number>,
  ): ReadChunk {
    const before = owner.get(place.key)
    if (before) this.drop(before)
    if (this.#chunks.size === MAX_CHUNKS) this.drop(this.#chunks.values().next().value!)
    const memory = this.#pool.take()
    // if this fails, the block is read alone, which may fail too
    const loaded = read(memory.subarray(0, place.end - place.from)).catch(() => 0)
    const chunk = { ...place, owner, memory, loaded, usedAt: this.#reads, users: 0, isDropped: false }
    owner.set(place.key, chunk)
    this.#chunks.add(chunk)
    return chunk
  }

  /** Notes that a chunk is used again. */
  touch(chunk: ReadChunk): void {
    chunk.usedAt = this.#reads
    this.#chunks.delete(chunk)
    this.#chunks.add(chunk)
  }

  /** Copies bytes of a chunk, once it is read. @returns false if they are missing */
  async copy(chunk: ReadChunk, position: number, target: Uint8Array): Promise<boolean> {
    const at = position - chunk.from
    chunk.users++
    const isThere = (await chunk.loaded) >= at + target.length
    if (isThere) target.set(chunk.memory.subarray(at, at + target.length))
    chunk.users--
    if (chunk.isDropped) this.#release(chunk)
    return isThere
  }

  /** Forgets a chunk. Idempotent. */
  drop(chunk: ReadChunk): void {
    if (!this.#chunks.delete(chunk)) return
    chunk.owner.delete(chunk.key)
    chunk.isDropped = true
    this.#release(chunk)
  }

  #release({ memory, users }: ReadChunk): void {
    if (users === 0) this.#pool.give(memory)
  }
}
