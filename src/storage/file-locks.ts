/** Locks on files: one torrent at a time writes to a path. */
import { StorageError } from '../errors.ts'
import type { FileSystem } from '../ports/file-system.ts'
import { keysOf, type PathKeys, pathKey, sharedKey } from './path-keys.ts'

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
  readonly #held = new Set<{ readonly keys: PathKeys; readonly holder: LockHolder }>()

  /** Returns the locks of a file system. */
  static of(fs: FileSystem): ProcessLocks {
    const locks = ProcessLocks.#instances.get(fs) ?? new ProcessLocks()
    ProcessLocks.#instances.set(fs, locks)
    return locks
  }

  async take(paths: readonly string[], holder: LockHolder): Promise<FileLock> {
    const keys = await keysOf(paths)
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

/** Returns the error for a path that `writer` holds. */
export function locked(paths: readonly string[], key: number, writer: string): StorageError {
  const path = paths.find(path => pathKey(path) === key)
  return new StorageError(
    'ERR_LOCKED',
    `cannot write ${path}: ${writer} writes it (wait for that to end, or choose another output directory)`,
  )
}
