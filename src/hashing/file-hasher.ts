import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { systemPath } from '../codec/byte-names.ts'
import { PieceDigest } from '../metainfo/piece-digest.ts'
import type { FileRange, PieceHash, RangeMismatch, TreePiece, TreeResult } from './hash-job.ts'

/** Small enough for the cache of the processor, so that the hash reads it from there. */
const CHUNK_BYTES = 256 << 10
const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)

/** Reads ranges of files and hashes them. It blocks its thread. */
export class FileHasher {
  /** The file of the last range that had a path. The next range is often in the same file. */
  #open: { readonly path: string; readonly fd: number } | undefined

  /**
   * Hashes the bytes of the ranges with SHA-1.
   * @throws the system error if a file cannot be opened or read
   */
  hashPiece(ranges: readonly FileRange[]): PieceHash {
    const hash = createHash('sha1')
    for (const range of ranges) {
      const mismatch = this.#readRange(range, bytes => hash.update(bytes))
      if (mismatch) return mismatch
    }
    return hash.digest()
  }

  /**
   * Hashes a piece of a v2 or hybrid torrent.
   * @throws the system error if its file cannot be opened or read
   */
  hashTree({ range, height, padding }: TreePiece): TreeResult {
    const digest = new PieceDigest(padding !== undefined)
    const mismatch = this.#readRange(range, bytes => digest.update(bytes))
    if (mismatch) return mismatch
    const node = digest.node(height)
    return padding === undefined ? { node } : { node, sha1: digest.sha1(padding) }
  }

  /** Closes the file that is open. Call it after each job. */
  close(): void {
    if (this.#open) closeSync(this.#open.fd)
    this.#open = undefined
  }

  /** Passes the bytes of a range to `update` in chunks. Returns why the range is not whole, or undefined. */
  #readRange(range: FileRange, update: (bytes: Uint8Array) => void): RangeMismatch | undefined {
    const fd = this.#descriptorOf(range.file)
    for (let done = 0; done < range.length; ) {
      const wanted = Math.min(CHUNK_BYTES, range.length - done)
      const read = this.#readChunk(fd, wanted, range.offset + done)
      if (read === 0) return { range, present: range.offset + done }
      update(read === CHUNK_BYTES ? chunk : chunk.subarray(0, read))
      done += read
    }
    if (!range.toEnd) return undefined
    const { size } = fstatSync(fd)
    return size > range.offset + range.length ? { range, present: size } : undefined
  }

  #readChunk(fd: number, length: number, position: number): number {
    try {
      return readSync(fd, chunk, 0, length, position)
    } catch (error) {
      // The system does not say which file could not be read.
      throw Object.assign(error as Error, this.#open?.fd === fd ? { path: this.#open.path } : {})
    }
  }

  #descriptorOf(file: number | string): number {
    if (typeof file === 'number') return file
    if (this.#open?.path !== file) {
      this.close()
      this.#open = { path: file, fd: openSync(systemPath(file), 'r') }
    }
    return this.#open.fd
  }
}
