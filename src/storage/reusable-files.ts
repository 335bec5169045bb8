import { join } from 'node:path'
import { InputError } from '../errors.ts'
import { type FileHandle, type ListingFileSystem, nodeFileSystem } from '../ports/file-system.ts'

/** Maximum files of one size that are tried. */
const MAX_FILES_OF_SIZE = 32

/**
 * Files on disk that may have the content of files of a torrent. They are found by their size, and only read. Links are not
 * followed.
 */
export class ReusableFiles {
  readonly #directories: readonly string[]
  readonly #fs: ListingFileSystem

  /** @param directories where to search, with all directories below */
  constructor(directories: readonly string[], fs: ListingFileSystem = nodeFileSystem) {
    this.#directories = directories
    this.#fs = fs
  }

  /**
   * Returns the paths of the regular files of these sizes, in bytes, in the order of their names. A directory below that cannot
   * be read is left out.
   * Rejects with ERR_USAGE for a directory that cannot be read, and with the reason of `signal`.
   */
  async find(sizes: ReadonlySet<number>, signal?: AbortSignal): Promise<Map<number, string[]>> {
    const found = new Map<number, string[]>()
    for (const directory of this.#directories) {
      try {
        await this.#walk(directory, sizes, found, signal)
      } catch (error) {
        signal?.throwIfAborted()
        throw new InputError(
          'ERR_USAGE',
          `${directory}: the directory for files to reuse cannot be read`,
          error,
        )
      }
    }
    return found
  }

  /** Opens a file for reading. */
  open(path: string): Promise<FileHandle> {
    const { O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY } = this.#fs.constants
    return this.#fs.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  }

  async #walk(
    directory: string,
    sizes: ReadonlySet<number>,
    found: Map<number, string[]>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    signal?.throwIfAborted()
    for (const name of (await this.#fs.readdir(directory)).sort()) {
      const path = join(directory, name)
      // The file may be removed meanwhile.
      const entry = await this.#fs.lstat(path).catch(() => undefined)
      if (entry?.isDirectory()) {
        await this.#walk(path, sizes, found, signal).catch(() => signal?.throwIfAborted())
      } else if (entry?.isFile() && sizes.has(entry.size)) {
        const paths = found.get(entry.size) ?? []
        found.set(entry.size, paths)
        if (paths.length < MAX_FILES_OF_SIZE) paths.push(path)
      }
    }
  }
}
