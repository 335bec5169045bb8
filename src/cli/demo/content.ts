import { createCipheriv } from 'node:crypto'

/** Deterministic pseudo-random content that is not stored: each piece is computed on request. */
export class Content {
  readonly length: number
  readonly #pieceLength: number
  readonly #recent = new Map<number, Buffer>()

  /** @param pieceLength length of a piece in bytes */
  constructor(length: number, pieceLength: number) {
    this.length = length
    this.#pieceLength = pieceLength
  }

  /** Returns a piece. The last 64 pieces are cached. */
  piece(index: number): Buffer {
    const recent = this.#recent.get(index)
    if (recent) return recent
    const counter = Buffer.alloc(16)
    counter.writeUInt32BE(index)
    const size = Math.min(this.#pieceLength, this.length - index * this.#pieceLength)
    const piece = createCipheriv('aes-128-ctr', Buffer.alloc(16, 'tsdl demo'), counter).update(
      Buffer.alloc(size),
    )
    this.#recent.set(index, piece)
    const [oldest] = this.#recent.keys()
    if (this.#recent.size > 64) this.#recent.delete(oldest!)
    return piece
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (let index = 0; index * this.#pieceLength < this.length; index++) yield this.piece(index)
  }
}
