import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import PQueue from 'p-queue'
import type { FoundFile, HashJob, HashReply, HashRequest, PieceHash } from './hash-job.ts'

/** Options of `HashPool`. */
export interface HashPoolOptions {
  /** Maximum number of worker threads, at least 1. @default `defaultHashThreads()`, or 1 */
  readonly threads?: number
}

/** More threads than this rarely help, since the disk is then the limit. */
const MAX_DEFAULT_THREADS = 4

/** Returns the default number of threads: one for each core, at most four, but none with one core. */
export function defaultHashThreads(): number {
  const cores = availableParallelism()
  return cores === 1 ? 0 : Math.min(MAX_DEFAULT_THREADS, cores)
}

/**
 * Reads files and computes the SHA-1 hashes of pieces in worker threads. Threads start with the first jobs. They do not
 * keep the process alive while they are idle.
 */
export class HashPool {
  readonly threads: number
  readonly #queue: PQueue
  /** Threads without a job. */
  readonly #idle: Worker[] = []
  readonly #all = new Set<Worker>()
  #closed = false

  constructor({ threads = Math.max(1, defaultHashThreads()) }: HashPoolOptions = {}) {
    this.threads = threads
    this.#queue = new PQueue({ concurrency: threads })
  }

  /**
   * Hashes the pieces of a job, and returns the results in the order of the job. Open descriptors must stay open until
   * then. Rejects with the system error if a file cannot be opened or read, and with the reason of `signal`.
   */
  async hash(pieces: HashJob, signal?: AbortSignal): Promise<readonly PieceHash[]> {
    return (await this.#ask<{ hashes: readonly PieceHash[] }>({ pieces }, signal)).hashes
  }

  /**
   * Lists the regular files below a directory, in the order of their names. Links and special files are left out.
   * Rejects with the system error if a directory cannot be read.
   */
  async list(directory: string, signal?: AbortSignal): Promise<readonly FoundFile[]> {
    return (await this.#ask<{ files: readonly FoundFile[] }>({ directory }, signal)).files
  }

  /** Number of jobs to hand in at once: each thread has one, and one waits for it. */
  get jobs(): number {
    return 2 * this.threads
  }

  /** Terminates the threads after their jobs. Later calls of `hash` reject. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#queue.onIdle()
    await Promise.all([...this.#all].map(worker => worker.terminate()))
    this.#all.clear()
  }

  async #ask<Reply>(request: HashRequest, signal?: AbortSignal): Promise<Reply> {
    const reply = await this.#queue.add(() => {
      signal?.throwIfAborted()
      return this.#run(request)
    })
    if (reply && 'error' in reply) throw Object.assign(new Error(reply.error.message), reply.error)
    return reply as Reply
  }

  async #run(request: HashRequest): Promise<HashReply> {
    if (this.#closed) throw new Error('the hash pool is closed')
    const worker = this.#idle.pop() ?? this.#start()
    worker.ref()
    try {
      const reply = await exchange(worker, request)
      this.#idle.push(worker)
      return reply
    } catch (error) {
      // The thread itself failed, so it is not used again.
      this.#all.delete(worker)
      void worker.terminate()
      throw error
    } finally {
      worker.unref()
    }
  }

  #start(): Worker {
    const worker = new Worker(new URL(`./hash-worker${extname(import.meta.url)}`, import.meta.url))
    this.#all.add(worker)
    return worker
  }
}

/** Sends a request to a thread and waits for its reply. Rejects if the thread fails. */
function exchange(worker: Worker, request: HashRequest): Promise<HashReply> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      worker.off('message', onMessage)
      worker.off('error', onError)
      worker.off('exit', onExit)
    }
    const onMessage = (reply: HashReply) => {
      settle()
      resolve(reply)
    }
    const onError = (error: Error) => {
      settle()
      reject(error)
    }
    const onExit = () => onError(new Error('a hash thread ended'))
    worker.on('message', onMessage)
    worker.on('error', onError)
    worker.on('exit', onExit)
    worker.postMessage(request)
  })
}
