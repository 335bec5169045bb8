/** Who may write which files: a path is written by one torrent at a time. */
import { StorageError } from '../errors.ts'
import type { FileSystem } from '../ports/file-system.ts'
import { keyOf, keysOf, type PathKeys, sharedKey } from './path-keys.ts'

/** What keeps a path for one writer at a time. */
export interface FileLocks {
  /**
   * Takes all of these paths, or none.
   * @param paths canonical: one file has one path, however it was reached
   * Rejects with a StorageError ERR_LOCKED that names a path which another writer holds, and the writer.
   */
  take(paths: readonly string[], holder: LockHolder): Promise<FileLock>
}

/** The torrent that paths are taken for. */
export interface LockHolder {
  readonly name: string
  readonly infoHash: Uint8Array
}

/** Paths that were taken. */
export interface FileLock {
  /** Why other processes do not see this lock, where that is so. */
  readonly unseen?: StorageError
  /** Gives them back. Idempotent; never rejects. */
  release(): Promise<void>
}

/**
 * Locks among the torrents of this process: one instance for each file system. One torrent may be there twice, as
 * both write the same bytes.
 */
export class ProcessLocks implements FileLocks {
  static readonly #instances = new WeakMap<FileSystem, ProcessLocks>()
  readonly #held = new Set<{ readonly keys: PathKeys; readonly holder: LockHolder }>()

  /** The locks on the files of this file system. */
  static of(fs: FileSystem): ProcessLocks {
    const locks = ProcessLocks.#instances.get(fs) ?? new ProcessLocks()
    ProcessLocks.#instances.set(fs, locks)
    return locks
  }

  async take(paths: readonly string[], holder: LockHolder): Promise<FileLock> {
    const keys = keysOf(paths)
    for (const held of this.#held) {
      if (Buffer.compare(held.holder.infoHash, holder.infoHash) === 0) continue
      const shared = sharedKey(keys, held.keys)
      if (shared !== undefined) throw locked(paths, shared, `"${held.holder.name}", in this process,`)
    }
    const held = { keys, holder }
    this.#held.add(held)
    return {
      release: async () => {
        this.#held.delete(held)
      },
    }
  }
}

/** The error for a path, of those that were to be taken, that `writer` holds. */
export function locked(paths: readonly string[], key: number, writer: string): StorageError {
  const path = paths.find(path => keyOf(path) === key)
  return new StorageError(
    'ERR_LOCKED',
    `cannot write ${path}: ${writer} writes it (wait for that to end, or choose another output directory)`,
  )
}
