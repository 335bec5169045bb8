import type { Storage } from '../../../src/storage/storage.ts'

/** The bytes of a torrent in memory. Complete peers share one copy, because nothing writes to it. */
export class MemoryStorage implements Storage {
  readonly #bytes: Uint8Array

  /** @param bytes the existing bytes, or the length of an empty storage */
  constructor(bytes: Uint8Array | number) {
    this.#bytes = typeof bytes === 'number' ? new Uint8Array(bytes) : bytes
  }

  read(position: number, target: Uint8Array): Promise<number> {
    const part = this.#bytes.subarray(position, position + target.length)
    target.set(part)
    return Promise.resolve(part.length)
  }

  write(position: number, bytes: Uint8Array): Promise<void> {
    this.#bytes.set(bytes, position)
    return Promise.resolve()
  }

  complete(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** True if the storage has exactly these bytes. */
  holds(bytes: Uint8Array): boolean {
    return Buffer.compare(this.#bytes, bytes) === 0
  }
}
