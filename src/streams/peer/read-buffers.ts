/** Bytes that a connection reads at once to begin with: a peer that is slow never needs more. */
const FIRST_READ_BYTES = 65536

/** The two buffers that a connection reads into by turns. They grow for a peer that fills them. */
export class ReadBuffers {
  readonly #limit: () => number
  #buffers: [Buffer, Buffer] | undefined
  #next = 0
  readonly #lent = [false, false]

  /** @param limit the most bytes of a buffer; asked again whenever a read fills one */
  constructor(limit: () => number) {
    this.#limit = limit
  }

  /** The buffer of the next read. */
  get next(): Buffer {
    if (!this.#buffers) {
      const size = Math.min(FIRST_READ_BYTES, this.#limit())
      this.#buffers = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(size)]
    }
    return this.#buffers[this.#next]!
  }

  /** True while the buffer of the next read is lent. */
  get isNextLent(): boolean {
    return this.#lent[this.#next]!
  }

  /** The bytes of a read, before `lend`. */
  view(length: number): Uint8Array {
    return this.next.subarray(0, length)
  }

  /** Lends the bytes of a read until `release`. The next read goes into the other buffer. */
  lend(length: number): Uint8Array {
    const chunk = this.view(length)
    this.#lent[this.#next] = true
    this.#next = 1 - this.#next
    return chunk
  }

  /** Takes a chunk back. @returns false if it is of neither buffer */
  release(chunk: Uint8Array): boolean {
    const at = this.#buffers?.findIndex(({ buffer }) => buffer === chunk.buffer) ?? -1
    if (at >= 0) this.#lent[at] = false
    return at >= 0
  }

  /** Doubles the buffer of the next read, if it is not lent and the last read of `length` bytes filled the other one. */
  grow(length: number): void {
    const { next } = this
    if (!this.#buffers || this.isNextLent) return
    if (length !== this.#buffers[1 - this.#next]!.length || next.length > length) return
    const grown = Math.min(2 * next.length, this.#limit())
    if (grown > next.length) this.#buffers[this.#next] = Buffer.allocUnsafeSlow(grown)
  }

  /** Gives the memory back. */
  clear(): void {
    this.#buffers = undefined
  }
}
