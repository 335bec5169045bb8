/** Memory for pieces, used again and again: fresh megabytes cost page faults. */
export class PiecePool {
  readonly #length: number
  readonly #idle: Uint8Array[] = []
  readonly #most: number
  readonly #shared: boolean

  /**
   * @param length bytes of a piece
   * @param most how many idle buffers are kept
   * @param shared whether workers can read it without a copy: a `SharedArrayBuffer` each
   */
  constructor(length: number, most: number, shared = false) {
    this.#length = length
    this.#most = most
    this.#shared = shared
  }

  take(): Uint8Array {
    const idle = this.#idle.pop()
    if (idle) return idle
    return this.#shared
      ? Buffer.from(new SharedArrayBuffer(this.#length))
      : Buffer.allocUnsafeSlow(this.#length)
  }

  /** Takes memory back; a part of a buffer gives the whole back. */
  give(data: Uint8Array): void {
    if (data.buffer.byteLength !== this.#length || this.#idle.length >= this.#most) return
    this.#idle.push(data.length === this.#length ? data : Buffer.from(data.buffer))
  }
}
