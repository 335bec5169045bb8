/** Locks on files: one torrent at a time writes to a path. */
import { StorageError } from '../errors.ts'
import type { FileSystem } from '../ports/file-system.ts'
import { keysOf, pathKey } from './path-keys.ts'

/** Gives each path to one writer at a time. */
export interface FileLocks {
  /**
   * Locks all of these paths, or none. Rejects with ERR_LOCKED, which names a path that another writer holds, and the
   * writer.
   * @param paths canonical paths, so that each file has one path
   */
  take(paths: readonly string[], holder: LockHolder): Promise<FileLock>
}

/** The torrent that locks paths. */
export interface LockHolder {
  readonly name: string
  readonly infoHash: Uint8Array
}

/** Locked paths. */
export interface FileLock {
  /** The reason if other processes do not see this lock. */
  readonly unseen?: StorageError
  /** Unlocks the paths. Idempotent. It never rejects. */
  release(): Promise<void>
}

/**
 * Locks among the torrents of this process, with one instance for each file system. The same torrent may lock a path
 * twice, since both write the same bytes.
 */
export class ProcessLocks implements FileLocks {
  static readonly #instances = new WeakMap<FileSystem, ProcessLocks>()
  /** The torrent that locks a path, by the key of the path. */
  readonly #holders = new Map<number, LockHolder>()
  /** Number of further locks of the same torrent on a path, by the key of the path. */
  readonly #repeats = new Map<number, number>()

  /** Returns the locks of a file system. */
  static of(fs: FileSystem): ProcessLocks {
    const locks = ProcessLocks.#instances.get(fs) ?? new ProcessLocks()
    ProcessLocks.#instances.set(fs, locks)
    return locks
  }

  async take(paths: readonly string[], holder: LockHolder): Promise<FileLock> {
    const keys = await keysOf(paths)
    for (const key of keys) {
      const other = this.#holders.get(key)
      if (other && Buffer.compare(other.infoHash, holder.infoHash) !== 0)
        throw locked(paths, key, `"${other.name}", in this process,`)
    }
    for (const key of keys) {
      if (this.#holders.has(key)) this.#repeats.set(key, (this.#repeats.get(key) ?? 0) + 1)
      else this.#holders.set(key, holder)
    }
    let isHeld = true
    return {
      release: async () => {
        if (isHeld) for (const key of keys) this.#unlock(key)
        isHeld = false
      },
    }
  }

  #unlock(key: number): void {
    const repeats = this.#repeats.get(key) ?? 0
    if (repeats > 1) this.#repeats.set(key, repeats - 1)
    else if (!this.#repeats.delete(key)) this.#holders.delete(key)
  }
}

/** Returns the error for a path that `writer` holds. */
export function locked(paths: readonly string[], key: number, writer: string): StorageError {
  const path = paths.find(path => pathKey(path) === key)
  return new StorageError(
    'ERR_LOCKED',
    `cannot write ${path}: ${writer} writes it (wait for that to end, or choose another output directory)`,
  )
}
