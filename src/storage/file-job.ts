/** Operations on many files of an output directory, each group in one job: a thread needs one message for it. */
import { messageOf } from '../errors.ts'
import type { FileEntry } from '../metainfo/metainfo.ts'
import type { FileHandle, FileSystem } from '../ports/file-system.ts'
import { FileStates } from './file-states.ts'
import { finishFile } from './finish-file.ts'
import { readFully, writeFully } from './output-files.ts'
import { type Access, SafeDirectory } from './safe-directory.ts'

/** Milliseconds to sync a file from which a device is slow. In memory it takes a tenth of that. */
export const SLOW_SYNC_MS = 0.1
/** Number of files of a write that may take longer, and the share of all: their thread may have waited for its turn. */
const MAX_SLOW_SYNCS = 3
const MAX_SLOW_SHARE = 0.25

/** Consecutive bytes of a file, and where they are in the bytes of the job. */
export interface FilePart {
  readonly path: string
  /** Offset in the file, in bytes. */
  readonly offset: number
  readonly length: number
  /** Offset in the bytes of the job. */
  readonly at: number
}

/** Parts of files in a form that costs little to send to a thread. */
export interface PackedParts {
  /** The paths, separated by NUL. */
  readonly paths: string
  /** Offset, length and `at` of each part. */
  readonly numbers: Float64Array
}

/** The operation on the files of a job. Paths are relative to the output directory. */
export type FileWork =
  /** Returns the states of files. Paths are separated by NUL. */
  | { readonly kind: 'stat'; readonly paths: string }
  /** Puts the written bytes of files on the device. Missing files are passed over. */
  | { readonly kind: 'sync'; readonly paths: string }
  /** Reads parts of files in order, up to the first that is missing or short. */
  | { readonly kind: 'read'; readonly parts: PackedParts; readonly length: number }
  /**
   * Writes parts of files. `known` are the states that the files should have before. With `sync`, the bytes are put on the
   * device as well, as long as that takes little time.
   */
  | {
      readonly kind: 'write'
      readonly parts: PackedParts
      readonly bytes: Uint8Array
      readonly known: Uint8Array
      readonly sync: boolean
    }
  /** Gives files their lengths and modes: see `finishFile`. */
  | { readonly kind: 'finish'; readonly files: readonly FinishedEntry[]; readonly known: Uint8Array }

/** The properties of a file that `finish` sets. */
export type FinishedEntry = Pick<FileEntry, 'path' | 'length' | 'executable'>

/** A job in an output directory. */
export interface FileJob {
  readonly directory: string
  readonly work: FileWork
}

/** The result of a job. After a failure it says what was done before. */
export interface FileReply {
  /** The states of the files of the job. After `write` and `finish` they are the new states. */
  readonly states?: Uint8Array
  /** Number of files that were written or finished, including one that failed. */
  readonly done?: number
  /** Positions in the job of files that another program had changed before the operation. */
  readonly changed?: readonly number[]
  /** The bytes of `read`. */
  readonly bytes?: Uint8Array
  /** For each part of `read` the number of bytes that are present. */
  readonly present?: readonly number[]
  /** Milliseconds that `sync` took. */
  readonly took?: number
  /** Positions in the job of files with bytes that `write` did not put on the device. */
  readonly unsynced?: readonly number[]
  /** The error that ended the syncing of `write`: the system may have forgotten bytes of this file. */
  readonly syncFailure?: FileFailure
  readonly failure?: FileFailure
}

/** The error that ended a job. */
export interface FileFailure {
  /** Position of the file in the job. */
  readonly at: number
  readonly message: string
  readonly code?: string
}

/** Runs jobs. It rejects only if it could not run the job to its end. */
export interface FileJobRunner {
  run(job: FileJob): Promise<FileReply>
}

/** Packs paths, which contain no NUL. */
export function packPaths(paths: readonly string[]): string {
  return paths.join('\0')
}

/** Packs parts of at least one file. */
export function packParts(parts: readonly FilePart[]): PackedParts {
  const numbers = new Float64Array(3 * parts.length)
  for (const [index, { offset, length, at }] of parts.entries()) numbers.set([offset, length, at], 3 * index)
  return { paths: packPaths(parts.map(({ path }) => path)), numbers }
}

function unpackPaths(paths: string): string[] {
  return paths === '' ? [] : paths.split('\0')
}

function unpackParts({ paths, numbers }: PackedParts): FilePart[] {
  return unpackPaths(paths).map((path, index) => {
    const [offset = 0, length = 0, at = 0] = numbers.subarray(3 * index, 3 * index + 3)
    return { path, offset, length, at }
  })
}

/** Runs a job in a file system. Symlinks are followed as `SafeDirectory` does. Nothing stays open. Never rejects. */
export async function runFileJob(fs: FileSystem, { directory: path, work }: FileJob): Promise<FileReply> {
  const directory = new SafeDirectory(path, fs)
  try {
    switch (work.kind) {
      case 'stat':
        return await statFiles(directory, unpackPaths(work.paths))
      case 'sync':
        return await syncFiles(directory, unpackPaths(work.paths))
      case 'read':
        return await readParts(directory, unpackParts(work.parts), work.length)
      case 'write':
        return await writeParts(directory, unpackParts(work.parts), work)
      case 'finish':
        return await changeFiles(directory, work.files, work.known, file => finish(directory, file))
    }
  } finally {
    await directory.forget()
  }
}

async function statFiles(directory: SafeDirectory, paths: readonly string[]): Promise<FileReply> {
  const states = new FileStates(paths.length)
  const present = new Map<string, Promise<boolean>>()
  for (const [at, path] of paths.entries()) {
    try {
      // Files below a missing directory are missing, so they are not looked up.
      if (!(await isPresent(directory, parentOf(path), present))) continue
      const state = await directory.stat(path)
      if (state) states.set(at, state)
    } catch {
      states.setUnreadable(at)
    }
  }
  return { states: states.bytes }
}

function isPresent(
  directory: SafeDirectory,
  path: string,
  present: Map<string, Promise<boolean>>,
): Promise<boolean> {
  const known = present.get(path)
  if (known) return known
  const finding = (async () =>
    (path === '' || (await isPresent(directory, parentOf(path), present))) && directory.has(path))()
  present.set(path, finding)
  return finding
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

async function syncFiles(directory: SafeDirectory, paths: readonly string[]): Promise<FileReply> {
  const startedAt = performance.now()
  for (const [at, path] of paths.entries()) {
    try {
      // Opened for writing, since Windows flushes no other files. A file that was deleted is not made again.
      await use(directory, path, 'update', handle => handle.datasync())
    } catch (error) {
      return { failure: failureOf(at, error) }
    }
  }
  return { took: performance.now() - startedAt }
}

async function readParts(
  directory: SafeDirectory,
  parts: readonly FilePart[],
  length: number,
): Promise<FileReply> {
  const bytes = new Uint8Array(length)
  const present: number[] = []
  for (const [index, { path, at, length, offset }] of parts.entries()) {
    try {
      const read = await use(directory, path, 'read', handle => readFully(handle, bytes, at, length, offset))
      present.push(read ?? 0)
      if ((read ?? 0) < length) break
    } catch (error) {
      return { bytes, present, failure: failureOf(index, error) }
    }
  }
  return { bytes, present }
}

async function writeParts(
  directory: SafeDirectory,
  parts: readonly FilePart[],
  { bytes, known, sync }: Pick<FileWork & { kind: 'write' }, 'bytes' | 'known' | 'sync'>,
): Promise<FileReply> {
  const syncing = new Syncing(sync)
  const reply = await changeFiles(directory, parts, known, ({ path, at, length, offset }, index) =>
    use(directory, path, 'write', async handle => {
      await writeFully(handle, bytes, at, length, offset)
      await syncing.sync(handle, index)
    }),
  )
  return { ...reply, ...syncing.result }
}

/** Puts files on the device while they are open, until that takes long: the others are synced later, several at once. */
class Syncing {
  #isOver: boolean
  #synced = 0
  #slow = 0
  readonly #unsynced: number[] = []
  #failure: FileFailure | undefined

  constructor(isWanted: boolean) {
    this.#isOver = !isWanted
  }

  get result(): Pick<FileReply, 'unsynced' | 'syncFailure'> {
    return { unsynced: this.#unsynced, ...(this.#failure && { syncFailure: this.#failure }) }
  }

  /** Never rejects. @param at position of the file in the job */
  async sync(handle: FileHandle, at: number): Promise<void> {
    if (this.#isOver) {
      this.#unsynced.push(at)
      return
    }
    const startedAt = performance.now()
    try {
      await handle.datasync()
    } catch (error) {
      this.#failure = failureOf(at, error)
      this.#isOver = true
      return
    }
    this.#synced++
    if (performance.now() - startedAt > SLOW_SYNC_MS) this.#slow++
    this.#isOver = this.#slow > MAX_SLOW_SYNCS + this.#synced * MAX_SLOW_SHARE
  }
}

async function finish(directory: SafeDirectory, file: FinishedEntry): Promise<void> {
  await finishFile(file, {
    stat: () => directory.stat(file.path),
    change: async (access, work) => {
      await use(directory, file.path, access, work)
    },
  })
}

/**
 * Changes files one after the other. Compares the state of each with the known one before, and reads it after the
 * change.
 */
async function changeFiles<File extends { readonly path: string }>(
  directory: SafeDirectory,
  files: readonly File[],
  known: Uint8Array,
  change: (file: File, at: number) => Promise<unknown>,
): Promise<FileReply> {
  const before = new FileStates(files.length, known)
  const after = new FileStates(files.length)
  const changed: number[] = []
  const takeState = async (at: number) => {
    after.clear(at)
    const state = await directory.stat(files[at]!.path).catch(() => undefined)
    if (state) after.set(at, state)
  }
  for (const [at, file] of files.entries()) {
    if (before.has(at)) {
      await takeState(at)
      if (!before.equals(at, after, at)) changed.push(at)
    }
    let failure: FileFailure | undefined
    try {
      await change(file, at)
    } catch (error) {
      failure = failureOf(at, error)
    }
    await takeState(at)
    if (failure) return { states: after.bytes, done: at + 1, changed, failure }
  }
  return { states: after.bytes, done: files.length, changed }
}

/** Calls `work` with an open file. Does nothing if it is missing, unless `access` is `write`. */
async function use<T>(
  directory: SafeDirectory,
  path: string,
  access: Access,
  work: (handle: FileHandle) => Promise<T>,
): Promise<T | undefined> {
  const handle = await directory.open(path, access)
  if (handle === undefined) return undefined
  try {
    return await work(handle)
  } finally {
    // Network file systems report a failed write here.
    await handle.close()
  }
}

function failureOf(at: number, error: unknown): FileFailure {
  const { code } = error as NodeJS.ErrnoException
  return { at, message: messageOf(error), ...(typeof code === 'string' ? { code } : {}) }
}
