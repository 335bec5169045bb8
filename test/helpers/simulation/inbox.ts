import { recycle } from './memory.ts'

/** The bytes that have arrived at a socket and are unread. */
export class Inbox {
  readonly #unread: Buffer[] = []
  /** The number of read bytes of the first chunk. */
  #offset = 0

  get empty(): boolean {
    return this.#unread.length === 0
  }

  push(bytes: Buffer): void {
    this.#unread.push(bytes)
  }

  /** Returns the next chunk as it arrived. */
  shift(): Buffer {
    return this.#unread.shift()!
  }

  /** Moves as many bytes as possible into `buffer`. @returns the number of bytes */
  read(buffer: Uint8Array): number {
    let filled = 0
    while (filled < buffer.length && !this.empty) {
      const bytes = this.#unread[0]!
      const end = Math.min(bytes.length, this.#offset + buffer.length - filled)
      filled += bytes.copy(buffer, filled, this.#offset, end)
      this.#offset = end
      if (end < bytes.length) break
      this.#offset = 0
      this.#unread.shift()
      recycle(bytes)
    }
    return filled
  }

  clear(): void {
    this.#unread.length = 0
  }
}
