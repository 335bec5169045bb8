import { messageOf } from '../errors.ts'
import { parentOf } from '../metainfo/path-parts.ts'
import type { FileHandle, FileSystem } from '../ports/file-system.ts'
import {
  type FileFailure,
  type FileJob,
  type FilePart,
  type FileReply,
  type FileWork,
  type FinishedEntry,
  SLOW_SYNC_MS,
  unpackParts,
  unpackPaths,
} from './file-job.ts'
import { FileStates } from './file-states.ts'
import { finishFile } from './finish-file.ts'
import { readFully, writeFully } from './output-files.ts'
import { type Access, SafeDirectory } from './safe-directory.ts'

/** Number of files of a write that may take longer, and the share of all: their thread may have waited for its turn. */
const MAX_SLOW_SYNCS = 3
const MAX_SLOW_SHARE = 0.25

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
