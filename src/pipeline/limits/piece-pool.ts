/** Reuses the memory of pieces, as new memory costs page faults. */
export class PiecePool {
  readonly #length: number
  readonly #idle: Uint8Array[] = []
  readonly #maxIdle: number
  readonly #shared: boolean

  /**
   * @param length bytes of a piece
   * @param maxIdle number of idle buffers to keep
   * @param shared true to use `SharedArrayBuffer`s, which workers can read without a copy
   */
  constructor(length: number, maxIdle: number, shared = false) {
    this.#length = length
    this.#maxIdle = maxIdle
    this.#shared = shared
  }

  take(): Uint8Array {
    const idle = this.#idle.pop()
    if (idle) return idle
    return this.#shared
      ? Buffer.from(new SharedArrayBuffer(this.#length))
      : Buffer.allocUnsafeSlow(this.#length)
  }

  /** Takes memory back. A part of a buffer gives the whole buffer back. */
  give(data: Uint8Array): void {
    if (data.buffer.byteLength !== this.#length || this.#idle.length >= this.#maxIdle) return
    this.#idle.push(data.length === this.#length ? data : Buffer.from(data.buffer))
  }
}
