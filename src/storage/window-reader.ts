import { InputError, StorageError } from '../errors.ts'

/** Bytes lent out of the window. They stay as they are until `release`; calling that again does nothing. */
export interface Taken {
  readonly bytes: Uint8Array
  release(): void
}

export interface WindowReaderOptions {
  /** The first byte, from the torrent's start, and the one after the last. */
  readonly start: number
  readonly end: number
  /** What is at a position now. */
  readonly take: (position: number, length: number) => Taken | undefined
  /** What it needs has become less. */
  readonly moved: () => void
  /** Told where it is: the next byte that it needs, and whether it waits for it. */
  readonly cursor?: (position: number, waiting: boolean) => void
}

interface Parked {
  readonly length: number
  resolve(taken: Taken): void
  reject(error: Error): void
}

/** Somebody who reads through a window, forward, from a start to an end. */
export class WindowReader {
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
  take(position: number, length: number): Promise<Taken> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const wrong = this.#misuse(position, length)
    if (wrong !== undefined) return Promise.reject(new InputError('ERR_USAGE', wrong))
    return new Promise((resolve, reject) => {
      this.#parked = { length, resolve, reject }
      this.#go(position)
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
    this.#go(this.#position + taken.bytes.length)
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

  #go(position: number): void {
    if (position === this.#position) return
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
