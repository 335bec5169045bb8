import { InputError, StorageError } from '../errors.ts'
import type { LentBytes, WindowRange, WindowSource } from './storage.ts'

export interface WindowReaderOptions extends WindowRange {
  /** What is at a position now. */
  readonly take: (position: number, length: number) => LentBytes | undefined
  /** It needs less than before: what was at `from`, or if that is not said, anything. */
  readonly moved: (from?: number) => void
}

interface Parked {
  readonly length: number
  resolve(taken: LentBytes): void
  reject(error: Error): void
}

/** Somebody who reads through a window, forward, from a start to an end. */
export class WindowReader implements WindowSource {
  readonly #options: WindowReaderOptions
  /** What comes before was taken or passed over. */
  #position: number
  #parked: Parked | undefined
  #failure: Error | undefined

  constructor(options: WindowReaderOptions) {
    this.#options = options
    this.#position = options.start
  }

  get closed(): boolean {
    return this.#failure !== undefined
  }

  /** Whether it is still to take any of the bytes from `start` to before `end`. */
  needs(start: number, end: number): boolean {
    return !this.closed && Math.max(start, this.#position) < Math.min(end, this.#options.end)
  }

  /**
   * Resolves, once the bytes at `position` are here, with as many as follow in one write, at most `length`.
   * Passes over everything before. Only one at a time, and never backwards: else ERR_USAGE.
   */
  take(position: number, length: number): Promise<LentBytes> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const wrong = this.#misuse(position, length)
    if (wrong !== undefined) return Promise.reject(new InputError('ERR_USAGE', wrong))
    return new Promise((resolve, reject) => {
      this.#parked = { length, resolve, reject }
      if (position > this.#position) this.#skip(position)
      this.serve()
      if (this.#parked) this.#options.cursor?.(position, true)
    })
  }

  /** Answers who waits, if the bytes are here. */
  serve(): void {
    const parked = this.#parked
    if (!parked) return
    const taken = this.#options.take(this.#position, parked.length)
    if (!taken) return
    this.#parked = undefined
    const from = this.#position
    this.#position += taken.bytes.length
    this.#options.cursor?.(this.#position, false)
    this.#options.moved(from)
    parked.resolve(taken)
  }

  /** It needs nothing more. A take that waits rejects with ERR_ABORTED. Idempotent. */
  close(): void {
    this.fail(new StorageError('ERR_ABORTED', `the reader at ${this.#position} was closed`))
  }

  /** Ends it, for this reason. */
  fail(error: Error): void {
    if (this.#failure) return
    this.#failure = error
    this.#parked?.reject(error)
    this.#parked = undefined
    this.#options.moved()
  }

  #skip(position: number): void {
    this.#position = position
    this.#options.cursor?.(position, false)
    this.#options.moved()
  }

  #misuse(position: number, length: number): string | undefined {
    if (this.#parked !== undefined) return `one take at a time: the one at ${this.#position} still waits`
    if (!(length > 0)) return `length must be at least 1, got ${length}`
    if (position < this.#position) return `cannot go back to ${position}: the reader is at ${this.#position}`
    if (position >= this.#options.end)
      return `nothing at ${position}: the reader ends at ${this.#options.end}`
    return undefined
  }
}
