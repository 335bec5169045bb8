import type { Hash } from 'node:crypto'
import { type Done, Transform } from '../stage.ts'

/**
 * Hashes what passes, and changes nothing: a digest without a second read.
 *
 * in            Uint8Array
 * out           the same chunks
 * backpressure  passed on
 * fails with    nothing of its own
 */
export class Digester extends Transform<Uint8Array, Uint8Array> {
  readonly #hash: Hash

  /** @param hash what has been fed with all that comes before, if anything does */
  constructor(hash: Hash) {
    super({ byteLength: chunk => chunk.length || 1 })
    this.#hash = hash
  }

  override _transform(chunk: Uint8Array, done: Done<Uint8Array>): void {
    this.#hash.update(chunk)
    done(null, chunk)
  }
}
