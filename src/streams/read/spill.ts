import { type Done, Duplex } from '../stage.ts'

/** Where bytes wait that do not fit into memory: first in, first out. */
export interface Backlog {
  /** Bytes that wait. */
  readonly length: number
  /** Resolves when the memory of `bytes` may be used again. */
  append(bytes: Uint8Array): Promise<void>
  /** Resolves with some of what has waited longest. */
  take(): Promise<Uint8Array>
  /** Nothing waits any more. */
  close(): Promise<void>
}

/** Options of `Spill`. */
export interface SpillOptions {
  /** What is beyond `memory`: a SpillFile. Closed with the stage. */
  readonly backlog: Backlog
  /** Bytes that wait in memory: half for the reader, half for the disk. @default 8 MiB */
  readonly memory?: number
  /** What is written is lent, until `drained`: what waits in memory is then a copy. @default false */
  readonly lend?: boolean
}

/**
 * Keeps a slow reader from holding others back: its backlog waits in memory, and beyond a bound on disk.
 *
 * in            Uint8Array
 * out           the same bytes, in order; cut otherwise where they were on disk
 * backpressure  the disk's: takes no more while half of `memory` waits to be written there
 * fails with    what the backlog fails with: StorageError, ERR_DISK_FULL when the disk is full
 */
export class Spill extends Duplex<Uint8Array, Uint8Array> {
  readonly #backlog: Backlog
  readonly #lend: boolean
  /** True if there is room in memory for the next chunk. */
  #room = false
  #serving = false
  #ending = false

  constructor({ backlog, memory = 1 << 23, lend = false }: SpillOptions) {
    super({ highWaterMark: memory / 2, byteLength: chunk => chunk.length || 1 })
    this.#backlog = backlog
    this.#lend = lend
  }

  override _write(chunk: Uint8Array, done: Done): void {
    if (this.#room && !this.#serving && this.#backlog.length === 0) {
      this.#room = this.push(this.#lend ? Uint8Array.from(chunk) : chunk)
      done()
      return
    }
    this.#backlog.append(chunk).then(() => {
      done()
      void this.#serve()
    }, done)
  }

  override _final(done: Done): void {
    this.#ending = true
    done()
    void this.#serve()
  }

  override _read(done: Done): void {
    this.#room = true
    done()
    void this.#serve()
  }

  override _destroy(done: Done): void {
    this.#backlog.close().then(() => done(), done)
  }

  /** Reads back what waits, while there is room for it. */
  async #serve(): Promise<void> {
    if (this.#serving || this.destroying) return
    this.#serving = true
    try {
      while (this.#room && this.#backlog.length > 0) {
        const bytes = await this.#backlog.take()
        if (this.destroying) return
        this.#room = this.push(bytes)
      }
      if (this.#ending && this.#backlog.length === 0) this.push(null)
    } catch (error) {
      this.destroy(error as Error)
    } finally {
      this.#serving = false
    }
  }
}
