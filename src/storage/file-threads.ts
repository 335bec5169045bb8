import { extname } from 'node:path'
import PQueue from 'p-queue'
import { ThreadPool } from '../ports/thread-pool.ts'
import type { FileJob, FileJobRunner, FileReply } from './file-job.ts'

/** Maximum number of threads. */
const MAX_FILE_THREADS = 4
/** The same for all but syncing: more threads would only share the processor. */
const MAX_BUSY_THREADS = 2

/**
 * Threads of this process that work on many small files by blocking calls. An asynchronous call takes 50 to 100 µs of the
 * event loop, and a small file needs five of them to be written. The threads end with their last user.
 */
export class FileThreads implements FileJobRunner {
  static #pool: ThreadPool<FileJob, FileReply> | undefined
  static readonly #busy = new PQueue({ concurrency: MAX_BUSY_THREADS })
  static #users = 0
  #isUsed = false

  /** See FileJobs. */
  run(job: FileJob): Promise<FileReply> {
    if (!this.#isUsed) {
      this.#isUsed = true
      FileThreads.#users++
      FileThreads.#pool ??= new ThreadPool({
        script: new URL(`./file-worker${extname(import.meta.url)}`, import.meta.url),
        threads: MAX_FILE_THREADS,
      })
    }
    const pool = FileThreads.#pool!
    const { work } = job
    if (work.kind === 'sync') return pool.run(job)
    return FileThreads.#busy.add(() =>
      pool.run(job, undefined, work.kind === 'write' ? memoryOf(work.bytes) : []),
    )
  }

  /** Gives the threads up after the last job. Idempotent. */
  async close(): Promise<void> {
    if (!this.#isUsed) return
    this.#isUsed = false
    if (--FileThreads.#users > 0) return
    const pool = FileThreads.#pool
    FileThreads.#pool = undefined
    await pool?.close()
  }
}

function memoryOf({ buffer }: Uint8Array): ArrayBuffer[] {
  return buffer instanceof ArrayBuffer ? [buffer] : []
}
