/** Passes the bytes of a torrent to readers in order. Bytes are held until they are read, and never stored. */
import { checkArgument, checkOptions } from '../codec/check-arguments.ts'
import { StorageError } from '../errors.ts'
import { HeldWrites } from './held-writes.ts'
import type { ReadWindow, Storage, WindowOwner, WindowRange } from './storage.ts'
import { WindowReader } from './window-reader.ts'

export interface WindowStorageOptions {
  /** Number of bytes of finished writes that are kept for later readers. @default 0 */
  readonly keep?: number
}

/**
 * Passes the bytes of each write to readers without a copy. Each reader goes forward from its own position.
 *
 * A write resolves when no reader needs it soon: each reader has released all of it, has passed it, ends before it, or is
 * not near. So the slowest reader paces the writes.
 */
export class WindowStorage implements Storage, ReadWindow {
  readonly retains = false
  readonly window = this
  readonly #writes: HeldWrites
  #failure: Error | undefined

  /** @throws InputError for an option that is invalid */
  constructor(options: WindowStorageOptions = {}) {
    checkOptions(options, { keep: 'number' })
    this.#writes = new HeldWrites(options.keep ?? 0)
  }

  /** Number of bytes held: those of writes that have not resolved, and of kept copies. */
  get buffered(): number {
    return this.#writes.buffered
  }

  /** See ReadWindow. Without an owner, each write is held for all readers. */
  attach(owner: WindowOwner): void {
    this.#writes.attach(owner)
  }

  /** See ReadWindow. */
  open(range: WindowRange): WindowReader {
    const reader = new WindowReader(range, this.#writes)
    if (this.#failure) reader.fail(this.#failure)
    return reader
  }

  /** Holds `bytes` without a copy, and resolves when they may be reused: at once if no reader needs them. */
  async write(position: number, bytes: Uint8Array): Promise<void> {
    checkArgument('bytes', bytes, 'bytes')
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (bytes.length === 0 || this.#writes.holds(position)) return Promise.resolve()
    const held = this.#writes.hold(position, bytes)
    this.serve()
    this.#writes.settle(position)
    return held
  }

  /** See ReadWindow. */
  serve(): void {
    this.#writes.serve()
  }

  /** Resolves the writes that are not near to any reader, to make room. */
  trim(): void {
    this.#writes.trim()
  }

  /** Copies bytes that are still held. */
  async read(position: number, target: Uint8Array): Promise<number> {
    checkArgument('target', target, 'bytes')
    let done = 0
    while (done < target.length) {
      const part = this.#writes.peek(position + done)?.subarray(0, target.length - done)
      if (part === undefined) break
      target.set(part, done)
      done += part.length
    }
    return done
  }

  /** True while the write at `position` can be read. */
  has(position: number): boolean {
    return this.#writes.has(position)
  }

  async complete(): Promise<void> {}

  /** Fails all readers, now and later, with `error`. Lent bytes must not be used after it. */
  async close(error: Error = new StorageError('ERR_ABORTED', 'the storage is closed')): Promise<void> {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#writes.fail(error)
  }
}
