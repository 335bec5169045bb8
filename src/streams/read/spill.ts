import { checkRequired } from '../../codec/check-arguments.ts'
import { type Done, Duplex } from '../stage.ts'

/** A queue of bytes that do not fit into memory. */
export interface Backlog {
  /** Bytes in the queue. */
  readonly length: number
  /** Adds bytes. Resolves when their memory can be reused. */
  append(bytes: Uint8Array): Promise<void>
  /** Removes the first bytes. Resolves with some of them. */
  take(): Promise<Uint8Array>
  /** Drops the queue. */
  close(): Promise<void>
}

/** Options of `Spill`. */
export interface SpillOptions {
  /** The queue of bytes beyond `memory`, such as a SpillFile. It is closed with the stage. */
  readonly backlog: Backlog
  /** Bytes in memory: half of them wait for the reader, half for the disk. @default 8 MiB */
  readonly memory?: number
  /** True if written chunks are lent until `drained`: bytes that wait in memory are then copies. @default false */
  readonly lend?: boolean
}

/**
 * Lets a slow reader delay no other: its backlog waits in memory, and beyond a limit on disk.
 *
 * in            Uint8Array
 * out           the same bytes, in order; chunks that were on disk are cut differently
 * backpressure  takes no chunk while half of `memory` waits for the disk
 * fails with    the error of the backlog: StorageError, ERR_DISK_FULL for a full disk
 */
export class Spill extends Duplex<Uint8Array, Uint8Array> {
  readonly #backlog: Backlog
  readonly #lends: boolean
  /** True if there is room in memory for the next chunk. */
  #hasRoom = false
  #isReading = false
  #hasEnded = false

  constructor(options: SpillOptions) {
    checkRequired(options, { backlog: 'object' })
    const { backlog, memory = 1 << 23, lend = false } = options
    super({ highWaterMark: memory / 2, byteLength: chunk => chunk.length || 1 })
    this.#backlog = backlog
    this.#lends = lend
  }

  override _write(chunk: Uint8Array, done: Done): void {
    if (this.#hasRoom && !this.#isReading && this.#backlog.length === 0) {
      this.#hasRoom = this.push(this.#lends ? Uint8Array.from(chunk) : chunk)
      done()
      return
    }
    this.#backlog.append(chunk).then(() => {
      done()
      void this.#readBack()
    }, done)
  }

  override _final(done: Done): void {
    this.#hasEnded = true
    done()
    void this.#readBack()
  }

  override _read(done: Done): void {
    this.#hasRoom = true
    done()
    void this.#readBack()
  }

  override _destroy(done: Done): void {
    this.#backlog.close().then(() => done(), done)
  }

  /** Reads the backlog while there is room. */
  async #readBack(): Promise<void> {
    if (this.#isReading || this.destroying) return
    this.#isReading = true
    try {
      while (this.#hasRoom && this.#backlog.length > 0) {
        const bytes = await this.#backlog.take()
        if (this.destroying) return
        this.#hasRoom = this.push(bytes)
      }
      if (this.#hasEnded && this.#backlog.length === 0) this.push(null)
    } catch (error) {
      this.destroy(error as Error)
    } finally {
      this.#isReading = false
    }
  }
}
