/** Many small files of an output directory, read, written and checked in jobs. */
import { messageOf } from '../errors.ts'
import { forEachInParallel } from '../ports/parallel.ts'
import {
  type FileFailure,
  type FileJobRunner,
  type FilePart,
  type FileReply,
  type FileWork,
  type FinishedEntry,
  packParts,
  packPaths,
  SLOW_SYNC_MS,
} from './file-job.ts'
import { FILE_STATE_BYTES, FileStates } from './file-states.ts'
import type { FileChanges } from './file-watch.ts'
import { WriteQueue, type WriteWork } from './write-queue.ts'

/** Maximum number of files in a job, some milliseconds of work. */
const JOB_FILES = 1024
/** The same for syncing files on a slow device, which takes longer. */
const JOB_SYNCED_FILES = 128
/** Bytes of files after which a job is full. */
const JOB_BYTES = 4 << 20
/** Maximum number of jobs at once: one runs while the reply to another is handled. */
const PARALLEL_JOBS = 2
/** The same for syncing files on a slow device, which writes several files together. */
const PARALLEL_SYNC_JOBS = 4

/** An error at a file. */
export class FileJobError extends Error {
  readonly path: string
  readonly code: string | undefined

  constructor(path: string, { code, message }: FileFailure) {
    super(message)
    this.path = path
    this.code = code
  }
}

/** The result of writing files. */
export interface WrittenFiles extends FileChanges {
  /** Positions of files with bytes that are not on the device yet. */
  readonly unsynced: readonly number[]
  /** A file could not be put on the device: its bytes may be lost, although they were written. */
  readonly syncError?: FileJobError
}

/** A job that could not be run to its end, as its thread failed. */
export class BrokenJobError extends Error {}

/**
 * Divides operations into jobs. Rejects with FileJobError for an error of the file system at a file, and with
 * BrokenJobError.
 */
export class SmallFiles {
  readonly #directory: string
  readonly #jobs: FileJobRunner
  readonly #writes: WriteQueue
  /** True until a device has turned out to be slow. */
  #syncsWrites = true

  constructor(directory: string, jobs: FileJobRunner) {
    this.#directory = directory
    this.#jobs = jobs
    this.#writes = new WriteQueue({
      ...{ jobs: PARALLEL_JOBS, maxFiles: JOB_FILES, maxBytes: JOB_BYTES },
      run: work => this.#runWrite(work),
    })
  }

  /** Returns the states of files in the order of their paths. */
  async stat(paths: readonly string[]): Promise<FileStates> {
    const states = new FileStates(paths.length)
    await forEachInParallel(batchesOf(paths, JOB_FILES), PARALLEL_JOBS, async ({ first, items }) => {
      const reply = await this.#run({ kind: 'stat', paths: packPaths(items) })
      states.bytes.set(reply.states!, first * FILE_STATE_BYTES)
    })
    return states
  }

  /** Resolves when the written bytes of these files are on the device. */
  async sync(paths: readonly string[]): Promise<void> {
    const first = paths.slice(0, JOB_SYNCED_FILES)
    if (first.length === 0) return
    // Without the time to start a thread, and to wait for one.
    const took = await this.#syncBatch(first)
    const isSlow = took > SLOW_SYNC_MS * first.length
    const batches = batchesOf(paths.slice(first.length), isSlow ? JOB_SYNCED_FILES : JOB_FILES)
    await forEachInParallel(batches, isSlow ? PARALLEL_SYNC_JOBS : PARALLEL_JOBS, async ({ items }) => {
      await this.#syncBatch(items)
    })
  }

  /** @returns milliseconds */
  async #syncBatch(paths: readonly string[]): Promise<number> {
    const { failure, took = 0 } = await this.#run({ kind: 'sync', paths: packPaths(paths) })
    if (failure) throw new FileJobError(paths[failure.at]!, failure)
    return took
  }

  /**
   * Reads parts of files into `target`, and returns the number of bytes of each part that are present, up to the first
   * part that is missing or short.
   * @param isOptional true for a file that counts as missing if it cannot be read
   */
  async read(
    parts: readonly FilePart[],
    target: Uint8Array,
    isOptional: (path: string) => boolean,
  ): Promise<number[]> {
    const present: number[] = []
    for (const batch of partsOf(parts)) {
      const { items, bytes, start } = batch
      const reply = await this.#run({ kind: 'read', parts: packParts(items), length: bytes })
      const { failure } = reply
      const path = failure && items[failure.at]!.path
      if (failure && !isOptional(path!)) throw new FileJobError(path!, failure)
      for (const [at, count] of reply.present!.entries()) {
        const { at: from } = items[at]!
        target.set(reply.bytes!.subarray(from, from + count), start + from)
        present.push(count)
      }
      if (failure || reply.present!.at(-1)! < items.at(-1)!.length || reply.present!.length < items.length)
        break
    }
    return present
  }

  /**
   * Writes parts of files with the bytes at their offsets in `bytes`. On a fast device it puts them on the device too, which
   * is cheaper than to open each file again.
   */
  async write(parts: readonly FilePart[], bytes: Uint8Array, known: FileStates): Promise<WrittenFiles> {
    const unsynced: number[] = []
    let syncError: FileJobError | undefined
    const changes = await this.#change(parts, known, partsOf(parts), async (batch, known) => {
      const { first, items, start, bytes: length } = batch
      const reply = await this.#writes.write({
        ...{ parts: items, known },
        bytes: bytes.subarray(start, start + length),
      })
      for (const at of reply.unsynced ?? []) unsynced.push(first + at)
      const { syncFailure } = reply
      if (syncFailure) syncError = new FileJobError(items[syncFailure.at]!.path, syncFailure)
      return reply
    })
    return { ...changes, unsynced, ...(syncError && { syncError }) }
  }

  /** Gives files their lengths and modes. */
  async finish(files: readonly FinishedEntry[], known: FileStates): Promise<FileChanges> {
    return this.#change(files, known, batchesOf(files, JOB_FILES), ({ items }, known) =>
      this.#run({ kind: 'finish', files: items, known: Uint8Array.from(known) }),
    )
  }

  /** Runs a job for each batch of files, up to the first failure. */
  async #change<Batch extends { readonly first: number; readonly items: readonly unknown[] }>(
    files: readonly { readonly path: string }[],
    known: FileStates,
    batches: Iterable<Batch>,
    run: (batch: Batch, known: Uint8Array) => Promise<FileReply>,
  ): Promise<FileChanges> {
    const states = new FileStates(known.count)
    const changed: number[] = []
    let done = 0
    for (const batch of batches) {
      const { first, items } = batch
      const before = known.bytes.subarray(first * FILE_STATE_BYTES, (first + items.length) * FILE_STATE_BYTES)
      const reply = await run(batch, before)
      states.bytes.set(reply.states!, first * FILE_STATE_BYTES)
      for (const at of reply.changed!) changed.push(first + at)
      done = first + reply.done!
      const { failure } = reply
      if (failure)
        return { states, changed, done, error: new FileJobError(files[first + failure.at]!.path, failure) }
    }
    return { states, changed, done }
  }

  /** Runs a job of writes. Once a device was slow or failed, later writes are not synced. */
  async #runWrite(work: WriteWork): Promise<FileReply> {
    const reply = await this.#run({ ...work, sync: this.#syncsWrites })
    if (reply.unsynced!.length > 0 || reply.syncFailure) this.#syncsWrites = false
    return reply
  }

  async #run(work: FileWork): Promise<FileReply> {
    try {
      return await this.#jobs.run({ directory: this.#directory, work })
    } catch (error) {
      throw new BrokenJobError(messageOf(error), { cause: error })
    }
  }
}

/** Divides items into batches. `first` is the position of the first item. */
function* batchesOf<T>(items: readonly T[], size: number): Generator<{ first: number; items: readonly T[] }> {
  for (let first = 0; first < items.length; first += size)
    yield { first, items: items.slice(first, first + size) }
}

interface PartBatch {
  readonly first: number
  /** Parts with offsets from `start`. */
  readonly items: readonly FilePart[]
  readonly start: number
  /** Number of bytes from `start` to the end of the last part. */
  readonly bytes: number
}

/** Divides parts, in the order of their offsets, into batches of limited size. */
function* partsOf(parts: readonly FilePart[]): Generator<PartBatch> {
  for (let first = 0; first < parts.length; ) {
    const start = parts[first]!.at
    let end = start
    const items: FilePart[] = []
    for (const part of parts.slice(first, first + JOB_FILES)) {
      if (items.length > 0 && part.at + part.length - start > JOB_BYTES) break
      items.push({ ...part, at: part.at - start })
      end = part.at + part.length
    }
    yield { first, items, start, bytes: end - start }
    first += items.length
  }
}
