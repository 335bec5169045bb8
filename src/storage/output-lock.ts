import { join, sep } from 'node:path'
import type { StorageError } from '../errors.ts'
import type { FileEntry } from '../metainfo/metainfo.ts'
import type { FileLock, FileLocks, LockHolder } from './file-locks.ts'
import type { SafeDirectory } from './safe-directory.ts'
import { storageError } from './storage-error.ts'

export interface OutputLockOptions {
  readonly directory: SafeDirectory
  /** The files of the torrent, by their paths in the directory. */
  readonly files: readonly FileEntry[]
  /** Returns true for each file that is written. */
  readonly selected: (fileIndex: number) => boolean
  readonly holder: LockHolder
  /** The locks to take, in this order. */
  readonly locks: readonly FileLocks[]
}

/** Locks the files that a storage writes, from the first `take` until `release`. */
export class OutputLock {
  readonly #options: OutputLockOptions
  #taken: Promise<readonly FileLock[]> | undefined
  /** The locks of files that were selected later. */
  #added: readonly FileLock[] = []
  /** Lists of the locked paths. */
  readonly #locked: (readonly string[])[] = []

  constructor(options: OutputLockOptions) {
    this.#options = options
  }

  /** Resolves with the reason if other processes do not see the lock. Rejects with StorageError. Idempotent. */
  async take(): Promise<StorageError | undefined> {
    this.#taken ??= this.#take(this.#pathsOf(this.#options.selected))
    return unseenOf(await this.#taken)
  }

  /** Locks the files of another selection too. Rejects with StorageError: no further file is locked then. */
  async extend(selected: (fileIndex: number) => boolean): Promise<StorageError | undefined> {
    await this.take()
    const locked = new Set(this.#locked.flat())
    const paths = this.#pathsOf(selected).filter(path => !locked.has(path))
    if (paths.length === 0) return undefined
    const locks = await this.#take(paths)
    this.#added = [...this.#added, ...locks]
    return unseenOf(locks)
  }

  /** Never rejects. */
  async release(): Promise<void> {
    const taken = (await this.#taken?.catch(() => [])) ?? []
    for (const lock of [...taken, ...this.#added]) await lock.release()
  }

  #pathsOf(selected: (fileIndex: number) => boolean): readonly string[] {
    return this.#options.files.filter((file, index) => !file.pad && selected(index)).map(({ path }) => path)
  }

  async #take(paths: readonly string[]): Promise<readonly FileLock[]> {
    const { directory, holder, locks } = this.#options
    const taken: FileLock[] = []
    try {
      const root = await directory.realPath()
      const start = join(root, sep)
      // A path of a torrent needs no `join`, which takes longer than the lock.
      const files = paths.map(path => folded(start + (sep === '/' ? path : path.replaceAll('/', sep))))
      for (const lock of locks) taken.push(await lock.take(files, holder))
      this.#locked.push(paths)
      return taken
    } catch (error) {
      for (const lock of taken) await lock.release()
      throw storageError('write', directory.path, error)
    }
  }
}

function unseenOf(locks: readonly FileLock[]): StorageError | undefined {
  return locks.find(({ unseen }) => unseen)?.unseen
}

/** Returns a path as the system compares it: macOS and Windows ignore case. */
function folded(path: string): string {
  return ['darwin', 'win32'].includes(process.platform) ? path.normalize('NFC').toLowerCase() : path
}
