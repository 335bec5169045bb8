import { join } from 'node:path'
import type { StorageError } from '../errors.ts'
import type { FileLock, FileLocks, LockHolder } from './file-locks.ts'
import type { SafeDirectory } from './safe-directory.ts'
import { storageError } from './storage-error.ts'

export interface OutputLockOptions {
  readonly directory: SafeDirectory
  /** Returns the paths of the files in the directory. */
  readonly paths: () => readonly string[]
  readonly holder: LockHolder
  /** The locks to take, in this order. */
  readonly locks: readonly FileLocks[]
}

/** Locks the files that a storage writes, from the first `take` until `release`. */
export class OutputLock {
  readonly #options: OutputLockOptions
  #taken: Promise<readonly FileLock[]> | undefined

  constructor(options: OutputLockOptions) {
    this.#options = options
  }

  /** Resolves with the reason if other processes do not see the lock. Rejects with StorageError. Idempotent. */
  async take(): Promise<StorageError | undefined> {
    this.#taken ??= this.#take()
    return (await this.#taken).find(({ unseen }) => unseen)?.unseen
  }

  /** Never rejects. */
  async release(): Promise<void> {
    for (const lock of (await this.#taken?.catch(() => [])) ?? []) await lock.release()
  }

  async #take(): Promise<readonly FileLock[]> {
    const { directory, holder, locks, paths } = this.#options
    const taken: FileLock[] = []
    try {
      const root = await directory.realPath()
      const files = paths().map(path => folded(join(root, path)))
      for (const lock of locks) taken.push(await lock.take(files, holder))
      return taken
    } catch (error) {
      for (const lock of taken) await lock.release()
      throw storageError('write', directory.path, error)
    }
  }
}

/** Returns a path as the system compares it: macOS and Windows ignore case. */
function folded(path: string): string {
  return ['darwin', 'win32'].includes(process.platform) ? path.normalize('NFC').toLowerCase() : path
}
