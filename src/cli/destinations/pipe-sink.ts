import { type Done, Writable } from '../../streams/index.ts'
import { stdoutError } from '../stdout.ts'
import type { PipeReport } from './pipe-worker.ts'
import { takeStdoutWorker } from './stdout-worker.ts'

/** Maximum number of bytes at the worker: enough to write while the main thread is busy with a few pieces. */
const MAX_AHEAD_BYTES = 8 << 20

/**
 * Writes to standard output if it is a pipe or a socket, in a worker.
 *
 * in            Uint8Array; copied unless its memory is a SharedArrayBuffer
 * backpressure  takes nothing while 8 MiB wait
 * fails with    StorageError, with the cause EPIPE or ECONNRESET if the reader is gone
 *
 * A pipe holds 64 KiB, which `sha256sum` reads in 0.3 ms. The main thread may need 20 ms until it writes again, so the
 * worker does nothing but wait for the pipe. It never blocks in a write, so it can be terminated at any time. A blocked
 * thread of libuv's pool would keep the process from exiting.
 */
export class PipeSink extends Writable<Uint8Array> {
  readonly #written: (chunk: Uint8Array) => void
  readonly #worker = takeStdoutWorker()
  /** Chunks at the worker, in order. */
  readonly #pending: Uint8Array[] = []
  #pendingBytes = 0
  /** Callback of the write that waits for room. */
  #onRoom: Done | undefined
  /** Callback of `_final`. */
  #onFlushed: Done | undefined

  /** @param written called with each chunk after all of it is written */
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
    this.#pending.push(chunk)
    this.#pendingBytes += chunk.length
    if (chunk.buffer instanceof SharedArrayBuffer) {
      this.#worker.postMessage(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length))
    } else {
      const copy = Uint8Array.from(chunk)
      this.#worker.postMessage(copy, [copy.buffer])
    }
    if (this.#pendingBytes < MAX_AHEAD_BYTES) done()
    else this.#onRoom = done
  }

  override _final(done: Done): void {
    this.#onFlushed = done
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
    const chunk = this.#pending.shift()
    if (!chunk) return
    this.#pendingBytes -= chunk.length
    this.#written(chunk)
    this.#proceed()
  }

  #proceed(): void {
    const { destroying } = this
    if (destroying || this.#pendingBytes < MAX_AHEAD_BYTES) {
      const onRoom = this.#onRoom
      this.#onRoom = undefined
      onRoom?.()
    }
    if (destroying || this.#pending.length === 0) {
      const onFlushed = this.#onFlushed
      this.#onFlushed = undefined
      onFlushed?.()
    }
  }
}
