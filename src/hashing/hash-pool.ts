import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { ThreadPool } from '../ports/thread-pool.ts'
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
  readonly #pool: ThreadPool<HashRequest, HashReply>

  constructor({ threads = Math.max(1, defaultHashThreads()) }: HashPoolOptions = {}) {
    this.threads = threads
    const script = new URL(`./hash-worker${extname(import.meta.url)}`, import.meta.url)
    this.#pool = new ThreadPool({ script, threads })
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
  close(): Promise<void> {
    return this.#pool.close()
  }

  async #ask<Reply>(request: HashRequest, signal?: AbortSignal): Promise<Reply> {
    const reply = await this.#pool.run(request, signal)
    if ('error' in reply) throw Object.assign(new Error(reply.error.message), reply.error)
    return reply as Reply
  }
}
