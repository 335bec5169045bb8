/** Computes piece hashes from consecutive chunks. */
import { createHash } from 'node:crypto'
import type { PieceHashes } from './content-plan.ts'

/** Hashes a known number of bytes piece by piece (BEP 3). It does not buffer them. */
export class PieceHasher {
  readonly #pieceLength: number
  readonly #hashes: Buffer
  #hash = createHash('sha1')
  #finished = 0
  #length = 0

  /** @param pieceLength bytes, at least 1 @param length total number of bytes */
  constructor(pieceLength: number, length: number) {
    this.#pieceLength = pieceLength
    this.#hashes = Buffer.alloc(Math.ceil(length / pieceLength) * 20)
  }

  /** Number of bytes hashed so far. */
  get length(): number {
    return this.#length
  }

  /** Hashes the next bytes. The caller may reuse `chunk` afterwards. */
  update(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const room = this.#pieceLength - (this.#length % this.#pieceLength)
      const part = chunk.subarray(at, at + room)
      this.#hash.update(part)
      this.#length += part.length
      at += part.length
      if (part.length === room) this.#finish()
    }
  }

  /** Returns all hashes, 20 bytes each. The last piece may be shorter. Call it once, at the end. */
  digest(): PieceHashes {
    if (this.#length % this.#pieceLength > 0) this.#finish()
    return { hashes: this.#hashes, nodes: Buffer.alloc(0) }
  }

  #finish(): void {
    this.#hash.digest().copy(this.#hashes, this.#finished++ * 20)
    this.#hash = createHash('sha1')
  }
}
