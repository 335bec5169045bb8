import type { LentBytes, WindowOwner } from './storage.ts'

/** A reader that takes held bytes. */
export interface RangeReader {
  /** True if the reader still needs any byte from `start` to before `end`. */
  needs(start: number, end: number): boolean
  /** Called when more bytes are held. */
  serve(): void
  /** Called when no more bytes will be held. */
  fail(error: Error): void
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

/** The writes of a window: those that readers need are held, and copies of the last finished ones are kept. */
export class HeldWrites {
  /** The readers that are open. */
  readonly #readers = new Set<RangeReader>()
  /** Decides which writes are held. Without it, each write is held for all readers. */
  #owner: WindowOwner | undefined
  readonly #keep: number
  /** Writes by position. */
  readonly #held = new Map<number, Held>()
  /** Copies of finished writes, the least recently used first. */
  readonly #kept = new Map<number, Uint8Array>()
  #buffered = 0
  #keeping = 0

  /** @param keep number of bytes of finished writes that are kept for later readers */
  constructor(keep: number) {
    this.#keep = keep
  }

  /** Number of bytes of held writes and of kept copies. */
  get buffered(): number {
    return this.#buffered + this.#keeping
  }

  /** Sets the owner, which decides which writes are held. */
  attach(owner: WindowOwner): void {
    this.#owner = owner
  }

  /** Adds a reader. */
  addReader(reader: RangeReader): void {
    this.#readers.add(reader)
  }

  /** Removes a reader, and resolves the writes that only this one needed. Idempotent. */
  removeReader(reader: RangeReader): void {
    this.#readers.delete(reader)
    this.trim()
  }

  /** Serves all readers. */
  serve(): void {
    for (const reader of this.#readers) reader.serve()
  }

  /** True while the write at `position` can be read. */
  has(position: number): boolean {
    return this.#held.has(position) || this.#kept.has(position)
  }

  /** True while the write at `position` is held. */
  holds(position: number): boolean {
    return this.#held.has(position)
  }

  /** Holds `bytes` without a copy. Resolves when `settle` finds that no reader needs them. */
  hold(position: number, bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#held.set(position, { position, bytes, lent: 0, resolve, reject })
      this.#buffered += bytes.length
    })
  }

  /** Returns the bytes from `position` to the end of the write that contains it. They are not lent. */
  peek(position: number): Uint8Array | undefined {
    const found = this.#find(position)
    return found?.bytes.subarray(position - found.position)
  }

  /** Lends at most `length` bytes of the write that contains `position`. */
  take(position: number, length: number): LentBytes | undefined {
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

  /** Resolves the write that contains `position`, if it is held and no reader needs it soon. */
  settle(position: number): void {
    const found = this.#find(position)
    if (found && isHeld(found)) this.#settle(found)
  }

  /** Resolves all writes that no reader needs soon. */
  trim(): void {
    for (const held of this.#held.values()) this.#settle(held)
  }

  /** Forgets all writes, and fails all readers. Writes that are held reject with `error`. */
  fail(error: Error): void {
    const waiting = [...this.#held.values()]
    this.#held.clear()
    this.#kept.clear()
    this.#buffered = this.#keeping = 0
    for (const { reject } of waiting) reject(error)
    for (const reader of this.#readers) reader.fail(error)
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
