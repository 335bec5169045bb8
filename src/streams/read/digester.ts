import type { Hash } from 'node:crypto'
import { type Done, Transform } from '../stage.ts'

/**
 * Hashes the bytes that pass through, so that a digest needs no second read.
 *
 * in            Uint8Array
 * out           the same chunks
 * backpressure  passed on
 * fails with    nothing of its own
 */
export class Digester extends Transform<Uint8Array, Uint8Array> {
  readonly #hash: Hash

  /** @param hash a hash that was updated with all bytes before those of this stream */
  constructor(hash: Hash) {
    super({ byteLength: chunk => chunk.length || 1 })
    this.#hash = hash
  }

  override _transform(chunk: Uint8Array, done: Done<Uint8Array>): void {
    this.#hash.update(chunk)
    done(null, chunk)
  }
}
