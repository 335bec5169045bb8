/** Reads consecutive files and hashes their pieces, in steps that each block. */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { nameOfBytes, systemPathsOf } from '../codec/byte-names.ts'
import type { Steps } from '../codec/steps.ts'
import { type ChangedFile, type ContentRun, type FileRun, type RunHashes, STEP_BYTES } from './hash-job.ts'

const HASH_BYTES = 20
/** Small enough for the cache of the processor, so that the hash reads it from there. */
const CHUNK_BYTES = 256 << 10
/** The cost of opening a file, as a number of bytes to hash. */
const FILE_COST_BYTES = 16 << 10
/** One byte more shows that a file is longer than expected: it takes no call of its own. */
const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES + 1)

/**
 * Returns the hashes of a run, or its first file that has changed.
 * @throws a system error with the path of its file
 */
export function* hashRun(run: FileRun): Steps<RunHashes> {
  const { prefix, paths, sizes, offset, length, pieceLength } = run
  const hasher = new RunHasher(length, pieceLength)
  const systemPath = systemPathsOf(prefix + paths)
  let left = length
  let first = offset
  for (const [at, path] of paths.split('\0').entries()) {
    const size = sizes[at]!
    const end = Math.min(size, first + left)
    const present = size > 0 ? yield* addFile(hasher, systemPath(prefix + path), { first, end, size }) : size
    if (present !== end) return { at, present } satisfies ChangedFile
    left -= end - first
    first = 0
  }
  return hasher.digest()
}

/** Returns the hashes of pieces in memory. */
export function* hashContent({ content, pieceLength }: ContentRun): Steps<Buffer> {
  const length = content.reduce((sum, part) => sum + part.length, 0)
  const hasher = new RunHasher(length, pieceLength)
  for (const part of content) {
    for (let at = 0; at < part.length; at += CHUNK_BYTES) {
      hasher.addBytes(part.subarray(at, at + CHUNK_BYTES))
      if (hasher.endsStep()) yield
    }
  }
  return hasher.digest()
}

/** Part of a file of `size` bytes. */
interface Part {
  readonly first: number
  readonly end: number
  readonly size: number
}

/** Adds part of a file. Returns its end, or the size of the file if that is not the expected one. */
function* addFile(hasher: RunHasher, path: string | Buffer, { first, end, size }: Part): Steps<number> {
  const fd = openSync(path, 'r')
  hasher.addFile()
  try {
    for (let at = first; at < end; ) {
      const wanted = Math.min(end - at, CHUNK_BYTES - hasher.used)
      const isLast = at + wanted === size
      const read = readSync(fd, chunk, hasher.used, isLast ? wanted + 1 : wanted, at)
      if (read === 0) return at
      if (read > wanted) return fstatSync(fd).size
      hasher.add(read)
      at += read
      if (hasher.endsStep()) yield
    }
    return end
  } catch (error) {
    // The system does not say which file could not be read.
    throw Object.assign(error as Error, { path: typeof path === 'string' ? path : nameOfBytes(path) })
  } finally {
    closeSync(fd)
  }
}

/** Hashes the bytes of `chunk`, which small files share. */
class RunHasher {
  /** Number of bytes in `chunk` that are not hashed yet. */
  used = 0
  readonly #hashes: Buffer
  readonly #pieceLength: number
  #hash: Hash | undefined
  /** Bytes that the current piece still takes. */
  #room: number
  #done = 0
  /** Bytes that the current step still takes. */
  #left = STEP_BYTES

  constructor(length: number, pieceLength: number) {
    this.#hashes = Buffer.allocUnsafeSlow(Math.ceil(length / pieceLength) * HASH_BYTES)
    this.#pieceLength = this.#room = pieceLength
  }

  /** Counts the cost of a file. */
  addFile(): void {
    this.#left -= FILE_COST_BYTES
  }

  /** Adds bytes that were read to `chunk` at `used`. */
  add(bytes: number): void {
    this.used += bytes
    this.#left -= bytes
    if (this.used === CHUNK_BYTES) this.#flush()
  }

  /** True if the step ends here. Then `chunk` is free for another run. */
  endsStep(): boolean {
    if (this.#left > 0) return false
    this.#flush()
    this.#left = STEP_BYTES
    return true
  }

  /** Returns the hashes of all pieces. */
  digest(): Buffer {
    this.#flush()
    this.#endPiece()
    return this.#hashes
  }

  /** Adds bytes that are not in `chunk`, which is empty. */
  addBytes(bytes: Uint8Array): void {
    this.#left -= bytes.length
    this.#hashBytes(bytes)
  }

  #flush(): void {
    this.#hashBytes(chunk.subarray(0, this.used))
    this.used = 0
  }

  #hashBytes(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(this.#room, bytes.length - at)
      this.#hash ??= createHash('sha1')
      this.#hash.update(bytes.subarray(at, at + length))
      this.#room -= length
      at += length
      if (this.#room === 0) this.#endPiece()
    }
  }

  #endPiece(): void {
    if (this.#hash) this.#hashes.set(this.#hash.digest(), this.#done++ * HASH_BYTES)
    this.#hash = undefined
    this.#room = this.#pieceLength
  }
}
