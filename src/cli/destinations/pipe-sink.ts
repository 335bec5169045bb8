import { type Done, Writable } from '../../streams/stage.ts'
import { stdoutError } from '../stdout.ts'
import type { PipeReport } from './pipe-worker.ts'
import { takeStdoutWorker } from './stdout-worker.ts'

/** Bytes that the worker may hold: what it writes while the main thread is busy with a few pieces. */
const MAX_AHEAD_BYTES = 8 << 20

/**
 * Standard output that is a pipe or a socket, written by a worker.
 *
 * in            Uint8Array; memory that is not a SharedArrayBuffer is copied
 * backpressure  takes nothing while 8 MiB wait
 * fails with    StorageError, its cause EPIPE or ECONNRESET when the reader went away
 *
 * A pipe holds 64 KiB, which `sha256sum` has read in 0.3 ms, while the main thread may need 20 ms until it looks at the
 * pipe again. So the worker waits for the pipe, and does nothing else. It never blocks in a write, so it can be
 * terminated at any time. (A thread of libuv's pool that is blocked in a write would keep the process from exiting.)
 */
export class PipeSink extends Writable<Uint8Array> {
  readonly #written: (chunk: Uint8Array) => void
  readonly #worker = takeStdoutWorker()
  /** Chunks that the worker has, in order. */
  readonly #ahead: Uint8Array[] = []
  #aheadBytes = 0
  /** Answers the write that waits for room. */
  #full: Done | undefined
  /** Answers `_final`. */
  #last: Done | undefined

  /** @param written called with each chunk once the system has all of it */
  constructor(written: (chunk: Uint8Array) => void) {
    super({ highWaterMark: 65536, byteLength: chunk => chunk.length || 1 })
    this.#written = written
    this.#worker.on('message', (report: PipeReport) => {
      if (report) this.destroy(stdoutError(report))
      else this.#onWritten()
    })
    this.#worker.on('error', error => this.destroy(stdoutError(error)))
    this.#worker.ref()
  }

  override _write(chunk: Uint8Array, done: Done): void {
    this.#ahead.push(chunk)
    this.#aheadBytes += chunk.length
    if (chunk.buffer instanceof SharedArrayBuffer) {
      this.#worker.postMessage(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length))
    } else {
      const copy = Uint8Array.from(chunk)
      this.#worker.postMessage(copy, [copy.buffer])
    }
    if (this.#aheadBytes < MAX_AHEAD_BYTES) done()
    else this.#full = done
  }

  override _final(done: Done): void {
    this.#last = done
    this.#proceed()
  }

  override _predestroy(): void {
    this.#proceed()
  }

  override _destroy(done: Done): void {
    void this.#worker.terminate()
    done()
  }

  #onWritten(): void {
    const chunk = this.#ahead.shift()
    if (!chunk) return
    this.#aheadBytes -= chunk.length
    this.#written(chunk)
    this.#proceed()
  }

  #proceed(): void {
    const { destroying } = this
    if (destroying || this.#aheadBytes < MAX_AHEAD_BYTES) {
      const full = this.#full
      this.#full = undefined
      full?.()
    }
    if (destroying || this.#ahead.length === 0) {
      const last = this.#last
      this.#last = undefined
      last?.()
    }
  }
}
