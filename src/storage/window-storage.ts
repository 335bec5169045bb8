/** A torrent's bytes for those who read them in order: held until taken, never stored. */
import { StorageError } from '../errors.ts'
import type { LentBytes, ReadWindow, Storage, WindowOwner, WindowRange } from './storage.ts'
import { WindowReader } from './window-reader.ts'

export interface WindowStorageOptions {
  /** Bytes of writes that nobody needs any more that are kept all the same, for readers still to come. @default 0 */
  readonly keep?: number
}

/** One write that is still held. */
interface Held {
  readonly position: number
  readonly bytes: Uint8Array
  /** How many takes of it are not released. */
  lent: number
  resolve(): void
  reject(error: Error): void
}

/**
 * Hands the bytes of each write, uncopied, to readers that go forward through the torrent, each from a place of its own.
 *
 * A write resolves when no reader needs it soon: each has taken and released all of it, or passed it, or ends before it,
 * or is gone, or not near yet. So the reader that is slowest holds writers back.
 */
export class WindowStorage implements Storage, ReadWindow {
  readonly retains = false
  readonly window = this
  readonly #keep: number
  /** By position. */
  readonly #held = new Map<number, Held>()
  /** Copies of what was needed, the least recently used first. */
  readonly #kept = new Map<number, Uint8Array>()
  readonly #readers = new Set<WindowReader>()
  #buffered = 0
  #keeping = 0
  #failure: Error | undefined
  #owner: WindowOwner | undefined

  constructor({ keep = 0 }: WindowStorageOptions = {}) {
    this.#keep = keep
  }

  /** Bytes held: all of every write that has not resolved, and what is kept. */
  get buffered(): number {
    return this.#buffered + this.#keeping
  }

  /** Connects the window with the torrent that writes to it. Without one, each write is held for all readers. */
  attach(owner: WindowOwner): void {
    this.#owner = owner
  }

  /** Opens a reader of the bytes from `start` to before `end`. */
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

  /** Keeps `bytes` itself, and resolves when they may be reused; at once if no reader needs them. */
  write(position: number, bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (bytes.length === 0 || this.#held.has(position)) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const held = { position, bytes, lent: 0, resolve, reject }
      this.#held.set(position, held)
      this.#buffered += bytes.length
      for (const reader of this.#readers) reader.serve()
      this.#settle(held)
    })
  }

  /** Gives up what is held and no longer near to any reader: room for what one needs now. */
  trim(): void {
    for (const held of this.#held.values()) this.#settle(held)
  }

  /** Copies what is still there. */
  async read(position: number, target: Uint8Array): Promise<number> {
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

  /** Whether the write at `position` is still to be had. */
  has(position: number): boolean {
    return this.#held.has(position) || this.#kept.has(position)
  }

  async complete(): Promise<void> {}

  /** Rejects whoever waits, now or later, with `error`; what is lent must no longer be looked at. */
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
    if (found === undefined) return undefined
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

  /** What holds the byte at `position`. There are few, and most takes begin where one does. */
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

  /** Resolves a write that no reader needs soon and all have given back. */
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

function isHeld(found: object): found is Held {
  return 'lent' in found
}

function covers(start: number, bytes: Uint8Array, position: number): boolean {
  return start <= position && position < start + bytes.length
}
