/**
 * Where an open file or directory really is, and a path that leads to it whatever happens to its own: Linux gives each
 * descriptor a name, `/proc/self/fd/N`. What is made below that name is made in the directory that is open, so nobody
 * can put another in its place meanwhile. Elsewhere there is no such name, and Node has no `openat`.
 */
import { join } from 'node:path'
import { type FileHandle, type FileSystem, systemCode } from '../ports/file-system.ts'

const DIRECTORY = '/proc/self/fd'

/** The real path of what is open; nothing where the system does not tell. */
export async function findPath(fs: FileSystem, { fd }: FileHandle): Promise<string | undefined> {
  if (fd === undefined) return undefined
  try {
    return await fs.readlink(join(DIRECTORY, String(fd)))
  } catch {
    return undefined
  }
}

/** Directories held open while something is made in them: one at a time, so that it costs one descriptor. */
export class HeldDirectories {
  readonly #fs: FileSystem
  /** False once the system has not told where a descriptor leads. */
  #supported: boolean
  #last: Promise<unknown> = Promise.resolve()

  constructor(fs: FileSystem) {
    this.#fs = fs
    this.#supported = fs.constants.O_DIRECTORY !== undefined
  }

  /**
   * Holds a directory open, which must not be a symlink, and does `work` with a path that leads to it, once `check` has
   * looked at its real path. Where the system does not tell that, or we may not open the directory, `work` gets the
   * path as it is.
   */
  within<T>(
    directory: string,
    check: (realPath: string) => void,
    work: (path: string) => Promise<T>,
  ): Promise<T> {
    const done = this.#last.then(() =>
      this.#supported ? this.#within(directory, check, work) : work(directory),
    )
    this.#last = done.catch(() => {})
    return done
  }

  async #within<T>(
    directory: string,
    check: (realPath: string) => void,
    work: (path: string) => Promise<T>,
  ): Promise<T> {
    const handle = await this.#open(directory)
    const real = handle && (await findPath(this.#fs, handle))
    try {
      if (real === undefined) {
        this.#supported = handle === undefined
        return await work(directory)
      }
      check(real)
      return await work(join(DIRECTORY, String(handle!.fd)))
    } finally {
      await handle?.close().catch(() => {}) // nothing was written to it
    }
  }

  async #open(directory: string): Promise<FileHandle | undefined> {
    const { O_RDONLY, O_DIRECTORY = 0, O_NOFOLLOW = 0 } = this.#fs.constants
    try {
      return await this.#fs.open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    } catch (error) {
      if (systemCode(error) === 'EACCES') return undefined
      throw error
    }
  }
}
