import { join } from 'node:path'
import type { StorageError } from '../errors.ts'
import type { FileHandle, FileState, FileSystem } from '../ports/file-system.ts'
import { HandlePool, type HandlePoolOptions } from './handle-pool.ts'
import type { OpenFileLimit } from './open-file-limit.ts'
import type { Access, SafeDirectory } from './safe-directory.ts'
import { sharedDirectory } from './shared-directory.ts'
import { type StorageAction, storageError } from './storage-error.ts'

/** Options of `OutputFiles`. */
export interface OutputFilesOptions extends HandlePoolOptions {
  /** The output directory. */
  readonly directory: string
  readonly fs: FileSystem
  /** Maximum number of open files. */
  readonly maxOpenFiles: number
}

/** The files in an output directory, by their paths in it. Methods reject with StorageError. */
export class OutputFiles {
  readonly directory: SafeDirectory
  readonly #pool: HandlePool

  constructor({ directory, fs, maxOpenFiles, ...options }: OutputFilesOptions) {
    this.directory = sharedDirectory(directory, fs)
    this.#pool = new HandlePool(this.directory, maxOpenFiles, options)
  }

  /** Opens files within this limit from now on, which other storages share. */
  set openFiles(limit: OpenFileLimit) {
    this.#pool.limit = limit
  }

  /** True while no file can be opened since the rest of the process holds all descriptors. */
  get starved(): boolean {
    return this.#pool.starved
  }

  /**
   * Calls `work` with an open file. Resolves with undefined if the file is missing, unless `access` is `write`.
   * @param action the verb in the error message, as in `cannot write PATH`
   */
  async use<T>(
    path: string,
    access: Access,
    action: StorageAction,
    work: (handle: FileHandle) => Promise<T>,
  ): Promise<T | undefined> {
    try {
      const lease = await this.#pool.acquire(path, access)
      if (lease === undefined) return undefined
      try {
        return await work(lease.handle)
      } finally {
        this.#pool.release(lease)
      }
    } catch (error) {
      throw this.errorAt(action, path, error)
    }
  }

  /** Returns the state of a file by its path, or undefined if it is missing. */
  async stat(path: string): Promise<FileState | undefined> {
    return this.directory.stat(path).catch(error => {
      throw this.errorAt('read', path, error)
    })
  }

  /** Makes a symlink to a path in the directory. */
  async link(path: string, target: string): Promise<void> {
    await this.directory.link(path, target).catch(error => {
      throw this.errorAt('link', path, error)
    })
  }

  /** Closes the open file at `path` when it is idle. The next caller opens the file that is at the path then. */
  evict(path: string): void {
    this.#pool.evict(path)
  }

  /** Closes the files and directories that are idle. Never rejects. */
  rest(): void {
    this.#pool.closeIdle()
    void this.directory.forget()
  }

  /** Throws the first error of closing any file so far: written bytes may then be lost. */
  checkClosed(): void {
    try {
      this.#pool.check()
    } catch (error) {
      throw storageError('close', this.directory.path, error)
    }
  }

  /** Stops waiting for descriptors: files that wait for one fail. */
  giveUp(): void {
    this.#pool.giveUp()
  }

  /** Closes all files and directories. No file may be in use. Rejects with the first error of closing any file. */
  async close(): Promise<void> {
    try {
      await this.#pool.close()
    } catch (error) {
      throw storageError('close', this.directory.path, error)
    } finally {
      await this.directory.forget()
    }
  }

  /** Returns the error for a file. */
  errorAt(action: StorageAction, path: string, error: unknown): StorageError {
    return storageError(action, join(this.directory.path, path), error)
  }
}

/** Reads `length` bytes of a file into `target`, and returns the number of bytes read: fewer at the end of the file. */
export async function readFully(
  handle: FileHandle,
  target: Uint8Array,
  at: number,
  length: number,
  position: number,
): Promise<number> {
  let done = 0
  while (done < length) {
    const { bytesRead } = await handle.read(target, at + done, length - done, position + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return done
}

/** Writes `length` bytes of `bytes` to a file. */
export async function writeFully(
  handle: FileHandle,
  bytes: Uint8Array,
  at: number,
  length: number,
  position: number,
): Promise<void> {
  for (let done = 0; done < length; ) {
    const { bytesWritten } = await handle.write(bytes, at + done, length - done, position + done)
    if (bytesWritten === 0) throw new Error('the system took none of the bytes')
    done += bytesWritten
  }
}
