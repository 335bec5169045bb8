import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { runInTurns } from '../codec/steps.ts'
import type { PieceShape } from '../metainfo/piece-digest.ts'
import { ThreadPool } from '../ports/thread-pool.ts'
import { answerRequest } from './answer-request.ts'
import type { FoundFile } from './found-file.ts'
import type {
  ContentRun,
  FileRun,
  HashJob,
  HashReply,
  HashRequest,
  Listing,
  PieceHash,
  RunHashes,
  TreePiece,
  TreeResult,
} from './hash-job.ts'
import { HashThread } from './hash-thread.ts'
import { walkDirectory } from './walk-directory.ts'

/** Options of `HashPool`. */
export interface HashPoolOptions {
  /** Maximum number of worker threads, at least 1. @default `defaultHashThreads()`, or 1 */
  readonly threads?: number
  /**
   * True if the calling thread hashes files as well, in place of one of the worker threads. Its other work waits for a
   * piece, or 1 MiB of smaller pieces. @default false
   */
  readonly useMainThread?: boolean
}

/** Options of `HashPool.list`. */
export interface ListOptions {
  /** True to list links too, and which files are executable. @default false */
  readonly attributes?: boolean
  /** Maximum number of bytes of small files to read as well, which are hashed without opening them again. @default 0 */
  readonly contentBytes?: number
}

/** More threads than this rarely help, since the disk is then the limit. */
const MAX_DEFAULT_THREADS = 4

/** Returns the default number of threads: one for each core, at most four, but none with one core. */
export function defaultHashThreads(): number {
  const cores = availableParallelism()
  return cores === 1 ? 0 : Math.min(MAX_DEFAULT_THREADS, cores)
}

/**
 * Computes the hashes of pieces in worker threads: of pieces in files, which the threads read, and of pieces in shared
 * memory. One thread is enough for the latter, as it hashes faster than the main thread downloads. Threads start with the
 * first jobs. They do not keep the process alive while they are idle.
 */
export class HashPool {
  /** Maximum number of worker threads that hash files. */
  readonly threads: number
  readonly #script = new URL(`./hash-worker${extname(import.meta.url)}`, import.meta.url)
  readonly #pool: ThreadPool<HashRequest, HashReply>
  readonly #useMainThread: boolean
  /** True while the main thread has a job. */
  #isMainThreadBusy = false
  #thread: HashThread | undefined
  #isClosed = false

  constructor({ threads = Math.max(1, defaultHashThreads()), useMainThread = false }: HashPoolOptions = {}) {
    this.threads = useMainThread ? threads - 1 : threads
    this.#useMainThread = useMainThread
    this.#pool = new ThreadPool({ script: this.#script, threads: Math.max(1, this.threads) })
  }

  /**
   * Hashes the pieces of a job, and returns the results in the order of the job. Open descriptors must stay open until
   * then. Rejects with the system error if a file cannot be opened or read, and with the reason of `signal`.
   */
  async hash(pieces: HashJob, signal?: AbortSignal): Promise<readonly PieceHash[]> {
    return (await this.#ask<{ hashes: readonly PieceHash[] }>({ pieces }, signal)).hashes
  }

  /** Hashes pieces of a v2 or hybrid torrent as `hash` does, each byte read once for both hashes. */
  async hashTrees(pieces: readonly TreePiece[], signal?: AbortSignal): Promise<readonly TreeResult[]> {
    return (await this.#ask<{ trees: readonly TreeResult[] }>({ trees: pieces }, signal)).trees
  }

  /** Hashes the pieces of consecutive files. Rejects as `hash` does. */
  async hashRun(run: FileRun, signal?: AbortSignal): Promise<RunHashes> {
    return (await this.#ask<{ run: RunHashes }>({ run }, signal)).run
  }

  /**
   * Lists the regular files below a directory, in the order of their names. Links and special files are left out.
   * Rejects with the system error if a directory cannot be read.
   */
  list(directory: string, signal?: AbortSignal, options: ListOptions = {}): Promise<readonly FoundFile[]> {
    const { attributes = false, contentBytes = 0 } = options
    let room = contentBytes
    return walkDirectory(directory, {
      limit: this.jobs,
      list: async directories => {
        const share = Math.floor(room / this.jobs)
        room -= share
        const job = { directories, attributes, contentBytes: share }
        const { listings } = await this.#ask<{ listings: readonly Listing[] }>(job, signal)
        room += share - listings.reduce((sum, { content }) => sum + (content?.length ?? 0), 0)
        return listings
      },
    })
  }

  /** Hashes pieces in shared memory, which must not change until then. */
  async hashContent(run: ContentRun, signal?: AbortSignal): Promise<Uint8Array> {
    return (await this.#ask<{ run: Uint8Array }>(run, signal)).run
  }

  /** True if `hashBytes` has started its thread. */
  get hashesBytes(): boolean {
    return this.#thread !== undefined
  }

  /**
   * Hashes a piece in shared memory, which must not change until then, as `digestPiece` does. Returns undefined while the
   * thread does not run, and starts it. Rejects if the thread fails.
   */
  hashBytes(bytes: Uint8Array, shape?: PieceShape): Promise<Uint8Array> | undefined {
    if (this.#isClosed) return undefined
    this.#thread ??= new HashThread(this.#script)
    return this.#thread.isOnline ? this.#thread.hash({ bytes, shape }) : undefined
  }

  /** Number of jobs to hand in at once: each worker thread has one, and one waits for it; the main thread has one. */
  get jobs(): number {
    return 2 * this.threads + (this.#useMainThread ? 1 : 0)
  }

  /** Terminates the threads after their jobs. Later calls of `hash` reject. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([this.#thread?.terminate(), this.#pool.close()])
  }

  async #ask<Reply>(request: HashRequest, signal?: AbortSignal): Promise<Reply> {
    const isForMainThread = this.#useMainThread && !this.#isMainThreadBusy && !this.#isClosed
    const reply = await (isForMainThread ? this.#answer(request, signal) : this.#pool.run(request, signal))
    if ('error' in reply) throw Object.assign(new Error(reply.error.message), reply.error)
    return reply as Reply
  }

  /** Answers a request on this thread. */
  async #answer(request: HashRequest, signal?: AbortSignal): Promise<HashReply> {
    this.#isMainThreadBusy = true
    try {
      await setImmediate() // the caller gives jobs to the other threads first
      signal?.throwIfAborted()
      return await runInTurns(answerRequest(request))
    } finally {
      this.#isMainThreadBusy = false
    }
  }
}
