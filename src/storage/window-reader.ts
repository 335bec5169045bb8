import { InputError, StorageError } from '../errors.ts'
import type { HeldWrites, RangeReader } from './held-writes.ts'
import type { LentBytes, WindowRange, WindowSource } from './storage.ts'

interface Parked {
  readonly length: number
  resolve(taken: LentBytes): void
  reject(error: Error): void
}

/** A reader that goes forward through a window, from a start to an end. */
export class WindowReader implements WindowSource, RangeReader {
  readonly #range: WindowRange
  readonly #writes: HeldWrites
  /** Bytes before this position were taken or skipped. */
  #position: number
  #parked: Parked | undefined
  #failure: Error | undefined

  /** @param writes the writes to take from; the reader is added to them, and removed when it ends */
  constructor(range: WindowRange, writes: HeldWrites) {
    this.#range = range
    this.#writes = writes
    this.#position = range.start
    writes.addReader(this)
  }

  get closed(): boolean {
    return this.#failure !== undefined
  }

  /** True if the reader still needs any byte from `start` to before `end`. */
  needs(start: number, end: number): boolean {
    return !this.closed && Math.max(start, this.#position) < Math.min(end, this.#range.end)
  }

  /**
   * Resolves with at most `length` bytes of one write from `position`, when they are written. Skips the bytes before.
   * Rejects with ERR_USAGE for a second call at once, or a position before the last.
   */
  take(position: number, length: number): Promise<LentBytes> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const wrong = this.#misuse(position, length)
    if (wrong !== undefined) return Promise.reject(new InputError('ERR_USAGE', wrong))
    return new Promise((resolve, reject) => {
      this.#parked = { length, resolve, reject }
      if (position > this.#position) this.#skip(position)
      this.serve()
      if (this.#parked) this.#range.cursor?.(position, true)
    })
  }

  /** Resolves the waiting take, if its bytes are written. */
  serve(): void {
    const parked = this.#parked
    if (!parked) return
    const taken = this.#writes.take(this.#position, parked.length)
    if (!taken) return
    this.#parked = undefined
    const from = this.#position
    this.#position += taken.bytes.length
    this.#range.cursor?.(this.#position, false)
    this.#writes.settle(from)
    parked.resolve(taken)
  }

  /** Ends the reader. A waiting take rejects with ERR_ABORTED. Idempotent. */
  close(): void {
    this.fail(new StorageError('ERR_ABORTED', `the reader at ${this.#position} was closed`))
  }

  /** Fails the reader with an error. */
  fail(error: Error): void {
    if (this.#failure) return
    this.#failure = error
    this.#parked?.reject(error)
    this.#parked = undefined
    this.#writes.removeReader(this)
  }

  #skip(position: number): void {
    this.#position = position
    this.#range.cursor?.(position, false)
    this.#writes.trim()
  }

  #misuse(position: number, length: number): string | undefined {
    if (this.#parked !== undefined) return `one take at a time: the one at ${this.#position} still waits`
    if (!(length > 0)) return `length must be at least 1, got ${length}`
    if (position < this.#position) return `cannot go back to ${position}: the reader is at ${this.#position}`
    if (position >= this.#range.end) return `nothing at ${position}: the reader ends at ${this.#range.end}`
    return undefined
  }
}
