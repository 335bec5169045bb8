/** Memory for pieces, used again and again: fresh megabytes cost page faults. */
export class PiecePool {
  readonly #length: number
  readonly #idle: Uint8Array[] = []
  readonly #most: number

  /**
   * @param length bytes of a piece
   * @param most how many idle buffers are kept
   */
  constructor(length: number, most: number) {
    this.#length = length
    this.#most = most
  }

  take(): Uint8Array {
    return this.#idle.pop() ?? Buffer.allocUnsafeSlow(this.#length)
  }

  /** Takes memory back; a part of a buffer gives the whole back. */
  give(data: Uint8Array): void {
    if (data.buffer.byteLength !== this.#length || this.#idle.length >= this.#most) return
    this.#idle.push(data.length === this.#length ? data : Buffer.from(data.buffer))
  }
}
