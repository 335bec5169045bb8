import { Worker } from 'node:worker_threads'
import type { MemoryPiece } from './hash-job.ts'

/** Heap limits of the thread in MiB: it keeps no data of its own. */
const HEAP_LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 }

/** The callbacks of a request. */
interface PendingJob {
  readonly resolve: (hash: Uint8Array) => void
  readonly reject: (error: Error) => void
}

/**
 * A worker thread that hashes shared memory. It has several requests at once and answers them in order, so it never waits
 * for the main thread. It keeps the process alive only while it has requests.
 */
export class HashThread {
  /** True while the thread runs. A thread that failed is not started again. */
  isOnline = false
  readonly #worker: Worker
  readonly #pending: PendingJob[] = []

  /** @param script the script of the worker, which replies to a piece with its hash */
  constructor(script: URL) {
    this.#worker = new Worker(script, { resourceLimits: HEAP_LIMITS })
    this.#worker.unref()
    this.#worker.once('online', () => {
      this.isOnline = true
    })
    this.#worker.on('message', (hash: Uint8Array) => this.#takeFirst()?.resolve(hash))
    this.#worker.on('error', error => this.#fail(error))
    this.#worker.on('exit', () => this.#fail(new Error('the hash thread ended')))
  }

  /** Resolves with the hash of a piece, which must not change until then. Rejects if the thread fails. */
  hash(piece: MemoryPiece): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#pending.push({ resolve, reject }) === 1) this.#worker.ref()
      this.#worker.postMessage(piece)
    })
  }

  /** Ends the thread. Pending requests are rejected. */
  async terminate(): Promise<void> {
    await this.#worker.terminate()
  }

  #takeFirst(): PendingJob | undefined {
    const first = this.#pending.shift()
    if (this.#pending.length === 0) this.#worker.unref()
    return first
  }

  #fail(error: Error): void {
    this.isOnline = false
    for (const { reject } of this.#pending.splice(0)) reject(error)
  }
}
