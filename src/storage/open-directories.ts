/**
 * Directories that are held open. Linux gives each descriptor a name, `/proc/self/fd/N`. A path that starts with that
 * name leads into the open directory, even if another program puts a different directory at its old path. Other systems
 * have no such name, and Node has no `openat`.
 */
import { join } from 'node:path'
import { type FileHandle, type FileSystem, systemCode } from '../ports/file-system.ts'

const DESCRIPTORS_DIRECTORY = '/proc/self/fd'

/** Maximum number of directories that are held open, beside those in use. */
export const MAX_OPEN_DIRECTORIES = 4

/** Returns the real path of an open file or directory, or undefined if the system does not report it. */
export async function findPath(fs: FileSystem, { fd }: FileHandle): Promise<string | undefined> {
  if (fd === undefined) return undefined
  try {
    return await fs.readlink(join(DESCRIPTORS_DIRECTORY, String(fd)))
  } catch {
    return undefined
  }
}

/** A directory in which files can be opened by name. */
export interface OpenDirectory {
  /** A path of the directory. */
  readonly path: string
  /** True if the path leads to the directory whatever other programs do. */
  readonly held: boolean
}

interface CachedDirectory extends OpenDirectory {
  readonly handle: FileHandle | undefined
  users: number
  /** True if the entry is not in the map any more. It closes with its last user. */
  stale: boolean
}

/** Opens directories once for many files. The least recently used directories close first. */
export class OpenDirectories {
  readonly #fs: FileSystem
  readonly #check: (realPath: string, shown: string) => void
  /** By name, least recently used first. */
  readonly #entries = new Map<string, Promise<CachedDirectory | undefined>>()
  /** Directories that leave the map to make room: they close after their last use. */
  readonly #retiring = new Set<Promise<void>>()
  /** Calls that close a descriptor. */
  readonly #closing = new Set<Promise<void>>()
  /** The open directory that was used last. Undefined if it is not in the map any more. */
  #latest: { readonly name: string; readonly entry: CachedDirectory } | undefined
  /** False once the system could not report the real path of a descriptor. */
  #supported: boolean

  /** @param check throws if the real path of a directory is not allowed */
  constructor(fs: FileSystem, check: (realPath: string, shown: string) => void) {
    this.#fs = fs
    this.#check = check
    this.#supported = fs.constants.O_DIRECTORY !== undefined
  }

  /**
   * Calls `work` with an open directory, and resolves with its result, or with undefined if there is no directory.
   * @param name names the directory in later calls
   * @param open opens the directory with `hold` if it is not open
   */
  async use<T>(
    name: string,
    open: () => Promise<OpenDirectory | undefined>,
    work: (directory: OpenDirectory) => Promise<T>,
  ): Promise<T | undefined> {
    const entry =
      this.#enterLatest(name) ?? (await this.#enter(name, open as () => Promise<CachedDirectory | undefined>))
    if (entry === undefined) return undefined
    try {
      return await work(entry)
    } finally {
      entry.users--
      if (entry.stale) await this.#close(entry)
    }
  }

  /**
   * Opens the directory at a path, which must not be a symlink. If the system does not report its real path, or does
   * not let us open it, the directory is used by its path.
   * @param shown the path for error messages
   */
  async hold(path: string, shown: string): Promise<OpenDirectory> {
    const byPath: CachedDirectory = { path, held: false, handle: undefined, users: 0, stale: false }
    const handle = this.#supported ? await this.#open(path) : undefined
    if (handle === undefined) return byPath
    try {
      const real = await findPath(this.#fs, handle)
      if (real !== undefined) {
        this.#check(real, shown)
        return {
          path: join(DESCRIPTORS_DIRECTORY, String(handle.fd)),
          held: true,
          handle,
          users: 0,
          stale: false,
        } as CachedDirectory
      }
      this.#supported = false
    } catch (error) {
      await handle.close().catch(() => {})
      throw error
    }
    await handle.close().catch(() => {})
    return byPath
  }

  /** Closes all directories, so that the next use finds what is at their paths then. Those in use close after it. */
  async forget(): Promise<void> {
    const entries = [...this.#entries.values()]
    this.#entries.clear()
    this.#latest = undefined
    await Promise.all([...this.#retiring, ...entries.map(entry => this.#retire(entry))])
  }

  /** Enters the directory that was used last, without a look at the others. */
  #enterLatest(name: string): CachedDirectory | undefined {
    if (this.#latest?.name !== name) return undefined
    const { entry } = this.#latest
    entry.users++
    return entry
  }

  async #enter(
    name: string,
    open: () => Promise<CachedDirectory | undefined>,
  ): Promise<CachedDirectory | undefined> {
    const opening = this.#entries.get(name) ?? this.#openInTurn(open)
    this.#entries.delete(name)
    this.#entries.set(name, opening)
    const entry = await opening.catch(error => {
      this.#remove(name, opening)
      throw error
    })
    // A missing directory may be created at any time, and a path without a descriptor may lead elsewhere the next time.
    if (!entry?.held) this.#remove(name, opening)
    if (entry === undefined) return undefined
    if (entry.stale) return this.#enter(name, open)
    entry.users++
    this.#trim()
    if (entry.held && this.#entries.get(name) === opening) this.#latest = { name, entry }
    return entry
  }

  /** Opens a directory when few others are being closed, since closing may take longer than opening. */
  async #openInTurn(open: () => Promise<CachedDirectory | undefined>): Promise<CachedDirectory | undefined> {
    while (this.#closing.size > MAX_OPEN_DIRECTORIES) await Promise.race(this.#closing)
    return open()
  }

  #remove(name: string, opening: Promise<CachedDirectory | undefined>): void {
    if (this.#entries.get(name) === opening) this.#delete(name)
  }

  #delete(name: string): void {
    this.#entries.delete(name)
    if (this.#latest?.name === name) this.#latest = undefined
  }

  #trim(): void {
    for (const [name, opening] of this.#entries) {
      if (this.#entries.size <= MAX_OPEN_DIRECTORIES) return
      this.#delete(name)
      const retiring = this.#retire(opening).finally(() => this.#retiring.delete(retiring))
      this.#retiring.add(retiring)
    }
  }

  /** Closes a directory, or lets its last user close it. Never rejects. */
  async #retire(opening: Promise<CachedDirectory | undefined>): Promise<void> {
    const entry = await opening.catch(() => undefined)
    if (entry === undefined) return
    entry.stale = true
    if (entry.users === 0) await this.#close(entry)
  }

  /** Never rejects: nothing was written to a directory, so a failure loses nothing. */
  async #close(entry: CachedDirectory): Promise<void> {
    if (entry.users > 0 || entry.handle === undefined) return
    const closing = entry.handle
      .close()
      .catch(() => {})
      .finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
    await closing
  }

  /** Resolves with undefined for a directory that we may pass but not open. */
  async #open(path: string): Promise<FileHandle | undefined> {
    const { O_RDONLY, O_DIRECTORY = 0, O_NOFOLLOW = 0 } = this.#fs.constants
    try {
      return await this.#fs.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    } catch (error) {
      if (systemCode(error) === 'EACCES') return undefined
      throw error
    }
  }
}
