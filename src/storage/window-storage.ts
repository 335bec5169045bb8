/** A torrent's bytes for somebody who reads them in order: held until taken, never stored. */
import { InputError, StorageError } from '../errors.ts'
import type { Storage } from './storage.ts'

/** Bytes lent out of the window. They stay as they are until `release`; calling that again does nothing. */
export interface Taken {
  readonly bytes: Uint8Array
  release(): void
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

interface Parked {
  readonly position: number
  readonly length: number
  resolve(taken: Taken): void
  reject(error: Error): void
}

/**
 * Hands the bytes of each write, uncopied, to one reader that goes forward through the torrent.
 *
 * A write resolves when the reader has taken and released all of it, or has passed it: a reader that
 * is slow is what holds writers back. What is beyond the reader's end stays held: `skip` there.
 */
export class WindowStorage implements Storage {
  /** By position. */
  readonly #held = new Map<number, Held>()
  /** What comes before was taken or passed over. */
  #position = 0
  #buffered = 0
  #parked: Parked | undefined
  #failure: Error | undefined

  /** Bytes held: all of every write that has not resolved. */
  get buffered(): number {
    return this.#buffered
  }

  /** Keeps `bytes` itself, and resolves when they may be reused; at once if the reader is past them or has them. */
  write(position: number, bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (position + bytes.length <= this.#position || bytes.length === 0 || this.#held.has(position))
      return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#held.set(position, { position, bytes, lent: 0, resolve, reject })
      this.#buffered += bytes.length
      this.#serve()
    })
  }

  /**
   * Resolves, once the bytes at `position` are here, with as many as follow in one write, at most `length`.
   * Passes over everything before. Only one at a time, and never backwards: else ERR_USAGE.
   */
  take(position: number, length: number): Promise<Taken> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const wrong = this.#misuse(position, length)
    if (wrong !== undefined) return Promise.reject(new InputError('ERR_USAGE', wrong))
    this.skip(position)
    return new Promise((resolve, reject) => {
      this.#parked = { position, length, resolve, reject }
      this.#serve()
    })
  }

  /**
   * Forgets everything before `position`: writes that lie there resolve, now or when they come.
   * A take that waits there rejects with ERR_ABORTED, so this also ends one.
   */
  skip(position: number): void {
    if (position <= this.#position) return
    this.#position = position
    if (this.#parked !== undefined && this.#parked.position < position) {
      this.#parked.reject(new StorageError('ERR_ABORTED', `the reader went on to ${position}`))
      this.#parked = undefined
    }
    for (const held of this.#held.values()) this.#settle(held)
  }

  /** Copies what is still held, for peers. */
  async read(position: number, target: Uint8Array): Promise<number> {
    let done = 0
    while (done < target.length) {
      const held = this.#find(position + done)
      if (held === undefined) break
      const from = position + done - held.position
      const part = held.bytes.subarray(from, from + target.length - done)
      target.set(part, done)
      done += part.length
    }
    return done
  }

  async complete(): Promise<void> {}

  /** Rejects whoever waits, now or later, with `error`; what is lent must no longer be looked at. */
  async close(error: Error = new StorageError('ERR_ABORTED', 'the storage is closed')): Promise<void> {
    if (this.#failure !== undefined) return
    this.#failure = error
    const waiting = [...this.#held.values(), ...(this.#parked === undefined ? [] : [this.#parked])]
    this.#held.clear()
    this.#buffered = 0
    this.#parked = undefined
    for (const { reject } of waiting) reject(error)
  }

  #misuse(position: number, length: number): string | undefined {
    if (this.#parked !== undefined)
      return `one take at a time: the one at ${this.#parked.position} still waits`
    if (!(length > 0)) return `length must be at least 1, got ${length}`
    if (position < this.#position) return `cannot go back to ${position}: the reader is at ${this.#position}`
    return undefined
  }

  /** Answers the parked take if its bytes are here. */
  #serve(): void {
    const parked = this.#parked
    const held = parked && this.#find(parked.position)
    if (held === undefined) return
    this.#parked = undefined
    const from = parked!.position - held.position
    const bytes = held.bytes.subarray(from, from + parked!.length)
    held.lent++
    this.skip(parked!.position + bytes.length)
    let lent = true
    const release = () => {
      if (!lent) return
      lent = false
      held.lent--
      this.#settle(held)
    }
    parked!.resolve({ bytes, release })
  }

  /** The write that holds the byte at `position`. There are few, and most takes begin where one does. */
  #find(position: number): Held | undefined {
    const first = this.#held.get(position)
    if (first !== undefined) return first
    for (const held of this.#held.values())
      if (held.position <= position && position < held.position + held.bytes.length) return held
    return undefined
  }

  /** Resolves a write that the reader is past and has given back. */
  #settle(held: Held): void {
    if (held.position + held.bytes.length > this.#position || held.lent > 0) return
    if (!this.#held.delete(held.position)) return
    this.#buffered -= held.bytes.length
    held.resolve()
  }
}
