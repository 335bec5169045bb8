/** Passes the bytes of a torrent to readers in order. Bytes are held until they are read, and never stored. */
import { checkArgument, checkOptions } from '../codec/check-arguments.ts'
import { StorageError } from '../errors.ts'
import type { LentBytes, ReadWindow, Storage, WindowOwner, WindowRange } from './storage.ts'
import { WindowReader } from './window-reader.ts'

export interface WindowStorageOptions {
  /** Number of bytes of finished writes that are kept for later readers. @default 0 */
  readonly keep?: number
}

/** A write that is held. */
interface Held {
  readonly position: number
  readonly bytes: Uint8Array
  /** Number of takes that are not released. */
  lent: number
  resolve(): void
  reject(error: Error): void
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
  readonly #keep: number
  /** Writes by position. */
  readonly #held = new Map<number, Held>()
  /** Copies of finished writes, the least recently used first. */
  readonly #kept = new Map<number, Uint8Array>()
  readonly #readers = new Set<WindowReader>()
  #buffered = 0
  #keeping = 0
  #failure: Error | undefined
  #owner: WindowOwner | undefined

  /** @throws InputError for an option that is invalid */
  constructor(options: WindowStorageOptions = {}) {
    checkOptions(options, { keep: 'number' })
    this.#keep = options.keep ?? 0
  }

  /** Number of bytes held: those of writes that have not resolved, and of kept copies. */
  get buffered(): number {
    return this.#buffered + this.#keeping
  }

  /** See ReadWindow. Without an owner, each write is held for all readers. */
  attach(owner: WindowOwner): void {
    this.#owner = owner
  }

  /** See ReadWindow. */
  open(range: WindowRange): WindowReader {
    const reader: WindowReader = new WindowReader({
      ...range,
      take: (position, length) => this.#take(position, length),
      moved: from => this.#moved(reader, from),
    })
    this.#readers.add(reader)
    if (this.#failure) reader.fail(this.#failure)
    return reader
  }

  /** Holds `bytes` without a copy, and resolves when they may be reused: at once if no reader needs them. */
  async write(position: number, bytes: Uint8Array): Promise<void> {
    checkArgument('bytes', bytes, 'bytes')
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (bytes.length === 0 || this.#held.has(position)) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const held = { position, bytes, lent: 0, resolve, reject }
      this.#held.set(position, held)
      this.#buffered += bytes.length
      this.serve()
      this.#settle(held)
    })
  }

  /** See ReadWindow. */
  serve(): void {
    for (const reader of this.#readers) reader.serve()
  }

  /** Resolves the writes that are not near to any reader, to make room. */
  trim(): void {
    for (const held of this.#held.values()) this.#settle(held)
  }

  /** Copies bytes that are still held. */
  async read(position: number, target: Uint8Array): Promise<number> {
    checkArgument('target', target, 'bytes')
    let done = 0
    while (done < target.length) {
      const found = this.#find(position + done)
      if (found === undefined) break
      const from = position + done - found.position
      const part = found.bytes.subarray(from, from + target.length - done)
      target.set(part, done)
      done += part.length
    }
    return done
  }

  /** True while the write at `position` can be read. */
  has(position: number): boolean {
    return this.#held.has(position) || this.#kept.has(position)
  }

  async complete(): Promise<void> {}

  /** Fails all readers, now and later, with `error`. Lent bytes must not be used after it. */
  async close(error: Error = new StorageError('ERR_ABORTED', 'the storage is closed')): Promise<void> {
    if (this.#failure !== undefined) return
    this.#failure = error
    const waiting = [...this.#held.values()]
    this.#held.clear()
    this.#kept.clear()
    this.#buffered = this.#keeping = 0
    for (const { reject } of waiting) reject(error)
    for (const reader of this.#readers) reader.fail(error)
  }

  #take(position: number, length: number): LentBytes | undefined {
    const found = this.#find(position)
    if (found === undefined) return copyOf(this.#owner?.peek?.(position)?.subarray(0, length))
    const from = position - found.position
    const bytes = found.bytes.subarray(from, from + length)
    if (!isHeld(found)) return { bytes, release() {} }
    found.lent++
    let lent = true
    const release = () => {
      if (!lent) return
      lent = false
      found.lent--
      this.#settle(found)
    }
    return { bytes, release }
  }

  #moved(reader: WindowReader, from: number | undefined): void {
    if (reader.closed) this.#readers.delete(reader)
    if (from === undefined) this.trim()
    else {
      const passed = this.#find(from)
      if (passed && isHeld(passed)) this.#settle(passed)
    }
  }

  /** Returns the write that contains `position`. There are few, and most takes start where a write starts. */
  #find(position: number): Held | { position: number; bytes: Uint8Array } | undefined {
    const first = this.#held.get(position)
    if (first !== undefined) return first
    for (const held of this.#held.values()) if (covers(held.position, held.bytes, position)) return held
    for (const [start, bytes] of this.#kept) {
      if (!covers(start, bytes, position)) continue
      this.#kept.delete(start)
      this.#kept.set(start, bytes) // the most recently used
      return { position: start, bytes }
    }
    return undefined
  }

  /** Resolves a write that no reader needs soon and all have released. */
  #settle(held: Held): void {
    if (held.lent > 0 || this.#held.get(held.position) !== held) return
    const end = held.position + held.bytes.length
    if (this.#owner?.isNear(held.position) ?? true) {
      for (const reader of this.#readers) if (reader.needs(held.position, end)) return
    }
    this.#end(held)
  }

  #end(held: Held): void {
    const { position, bytes, resolve } = held
    this.#held.delete(position)
    this.#buffered -= bytes.length
    if (bytes.length <= this.#keep) {
      this.#kept.set(position, Uint8Array.from(bytes))
      this.#keeping += bytes.length
    }
    resolve()
    if (!this.#kept.has(position)) this.#owner?.forget(position)
    for (const [oldest, { length }] of this.#kept) {
      if (this.#keeping <= this.#keep) break
      this.#kept.delete(oldest)
      this.#keeping -= length
      this.#owner?.forget(oldest)
    }
  }
}

function copyOf(bytes: Uint8Array | undefined): LentBytes | undefined {
  return bytes && { bytes: Uint8Array.from(bytes), release() {} }
}

function isHeld(found: object): found is Held {
  return 'lent' in found
}

function covers(start: number, bytes: Uint8Array, position: number): boolean {
  return start <= position && position < start + bytes.length
}
