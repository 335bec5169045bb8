/** The pieces' hashes of a run of bytes. */
import { createHash } from 'node:crypto'

/** Hashes a known number of bytes as they come, piece by piece (BEP 3); holds none of them. */
export class PieceHasher {
  readonly #pieceLength: number
  readonly #hashes: Buffer
  #hash = createHash('sha1')
  #finished = 0
  #length = 0

  /** @param pieceLength bytes, at least 1 @param length bytes in all */
  constructor(pieceLength: number, length: number) {
    this.#pieceLength = pieceLength
    this.#hashes = Buffer.alloc(Math.ceil(length / pieceLength) * 20)
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length
  }

  /** Takes the next bytes, which may be reused when this returns. */
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

  /** All hashes, 20 bytes each; the last piece may be shorter. Call once, at the end. */
  digest(): Buffer {
    if (this.#length % this.#pieceLength > 0) this.#finish()
    return this.#hashes
  }

  #finish(): void {
    this.#hash.digest().copy(this.#hashes, this.#finished++ * 20)
    this.#hash = createHash('sha1')
  }
}
