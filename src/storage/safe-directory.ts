/** An output directory. Paths in it never lead outside, even through symlinks. */
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import {
  type FileHandle,
  type FileKind,
  type FileState,
  type FileStats,
  type FileSystem,
  systemCode,
} from '../ports/file-system.ts'
import { findPath, OpenDirectories, type OpenDirectory } from './open-directories.ts'

/** Number of tries to make a file while another program makes and removes it. */
const MAX_TRIES = 3

/** `read` and `update` open an existing file, to read it or to write it too; `write` makes a missing file. */
export type Access = 'read' | 'update' | 'write'

/**
 * Opens files by their path in a torrent. Each component of a path is checked before it is used. A symlink that stays
 * inside is followed to its real path.
 *
 * On Linux this is safe even if another process replaces components meanwhile: each directory is held open, and files
 * are opened in the open directory. On other systems only existing symlinks are checked, since Node has no `openat`.
 */
export class SafeDirectory {
  readonly path: string
  readonly #fs: FileSystem
  readonly #directories: OpenDirectories
  /** The real path. Known once the directory exists. */
  #root: string | undefined

  /** @param path may be a symlink. If it is missing, the first write makes it and its parents */
  constructor(path: string, fs: FileSystem) {
    this.path = path
    this.#fs = fs
    this.#directories = new OpenDirectories(fs, (real, shown) => this.#mustBeInside(real, shown))
  }

  /**
   * Opens a regular file. Resolves with undefined if it is missing, unless `access` is `write`.
   * Rejects with a system error, or an Error with the reason for the refusal.
   */
  async open(path: string, access: Access): Promise<FileHandle | undefined> {
    const { parent, name } = split(path)
    const open = () => this.#in(parent, access, directory => this.#openIn(directory, name, access))
    try {
      return await open()
    } catch (error) {
      const code = systemCode(error)
      if (code !== 'ENOENT' && code !== 'EMFILE' && code !== 'ENFILE') throw error
      // An open directory was removed, or the open directories hold the descriptors that are needed.
      await this.forget()
      return open()
    }
  }

  /**
   * Returns the state of the regular file at `path` without opening it, or undefined if it is missing. Rejects as `open`
   * does.
   */
  async stat(path: string): Promise<FileState | undefined> {
    const { parent, name } = split(path)
    return this.#in(parent, 'read', async directory => {
      try {
        const found = await this.#fs.lstat(pathIn(directory, name), { bigint: true })
        mustBeFile(found)
        return found
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return undefined
        throw error
      }
    })
  }

  /**
   * Returns the state at `path` without a check of its components, so it is only good for a comparison with a known state.
   * Undefined if it cannot be read. Never rejects.
   */
  async findStateAtPath(path: string): Promise<FileState | undefined> {
    return this.#fs.lstat(join(this.path, path), { bigint: true }).catch(() => undefined)
  }

  /** True if there is a directory at `path`, '' for this one. Rejects as `open` does. */
  async has(path: string): Promise<boolean> {
    return (await this.#in(path, 'read', async () => true)) ?? false
  }

  /** Returns the real path of the directory, with missing components as given. Rejects with a system error. */
  async realPath(): Promise<string> {
    const missing: string[] = []
    for (let at = resolve(this.path); ; at = dirname(at)) {
      try {
        return join(await this.#fs.realpath(at), ...missing)
      } catch (error) {
        if (systemCode(error) !== 'ENOENT' || at === dirname(at)) throw error
        missing.unshift(basename(at))
      }
    }
  }

  /**
   * Makes a symlink at `path` that points to `target`, both relative to this directory. A symlink that points there
   * already is left. Rejects as `open` does.
   */
  async link(path: string, target: string): Promise<void> {
    const { parent, name } = split(path)
    const aim = split(target)
    const real = await this.#in(aim.parent, 'read', async directory => {
      const at = join(await this.#realPathOf(directory), aim.name)
      // Refuses a target that is a symlink to the outside.
      return (await this.#look(at))?.isSymbolicLink()
        ? this.#follow(at, join(this.path, target)).then(() => at)
        : at
    })
    await this.#in(parent, 'write', async directory => {
      // Relative to the real parent, since `..` of a symlinked parent would lead elsewhere.
      const from = await this.#realPathOf(directory)
      const text = relative(from, real ?? join(this.#root!, target)) || '.'
      const at = join(directory.path, name)
      const found = await this.#look(at)
      if (found?.isSymbolicLink() && (await this.#fs.readlink(at)) === text) return
      await this.#fs.symlink(text, at)
    })
  }

  /** Closes the open directories, so that the next call opens what is at their paths then. */
  async forget(): Promise<void> {
    await this.#directories.forget()
  }

  async #openIn(directory: OpenDirectory, name: string, access: Access): Promise<FileHandle | undefined> {
    const at = pathIn(directory, name)
    let found: FileStats | undefined
    for (let tries = 1; found === undefined; tries++) {
      const made = access === 'write' ? await this.#make(at) : undefined
      if (made) return made
      found = await this.#look(at)
      if (found !== undefined) break
      if (access !== 'write') return undefined
      if (tries === MAX_TRIES) throw new Error('another program makes and removes it')
    }
    mustBeFile(found)
    const { O_RDONLY, O_RDWR, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = this.#fs.constants
    // Non-blocking, so that opening does not wait if the file was replaced by a FIFO. It has no effect on files.
    const handle = await this.#fs.open(at, (access === 'read' ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_NONBLOCK)
    try {
      mustBeFile(await handle.stat())
      const real = directory.held ? undefined : await findPath(this.#fs, handle)
      if (real !== undefined) this.#mustBeInside(real, join(directory.path, name))
    } catch (error) {
      await handle.close()
      throw error
    }
    return handle
  }

  /** Makes a file and opens it. Resolves with undefined if the path exists. */
  async #make(at: string): Promise<FileHandle | undefined> {
    const { O_CREAT, O_EXCL, O_RDWR } = this.#fs.constants
    try {
      return await this.#fs.open(at, O_RDWR | O_CREAT | O_EXCL, 0o666)
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return undefined
      throw error
    }
  }

  /** Calls `work` with a directory by its path in this one. The directory is made if `access` is `write`. */
  async #in<T>(
    path: string,
    access: Access,
    work: (directory: OpenDirectory) => Promise<T>,
  ): Promise<T | undefined> {
    const open = async () => {
      if (path === '') {
        const root = await this.#enter(access)
        return root === undefined ? undefined : this.#directories.hold(root, this.path)
      }
      const { parent, name } = split(path)
      return this.#in(parent, access, async directory => {
        const shown = join(this.path, path)
        const at = await this.#step(join(directory.path, name), access, shown)
        return at === undefined ? undefined : this.#directories.hold(at, shown)
      })
    }
    return this.#directories.use(path, open, work)
  }

  async #enter(access: Access): Promise<string | undefined> {
    const real = await this.#findRoot()
    if (access !== 'write') return real
    // A directory that exists is not made: that would fail, which takes longer.
    if (real !== undefined && (await this.#look(real))?.isDirectory()) return real
    await this.#fs.mkdir(this.path, { recursive: true })
    return (this.#root = await this.#fs.realpath(this.path))
  }

  async #findRoot(): Promise<string | undefined> {
    try {
      return (this.#root = await this.#fs.realpath(this.path))
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  /** Returns a path of a directory that is no symlink. The directory is made if `access` is `write`. */
  async #step(at: string, access: Access, shown: string): Promise<string | undefined> {
    let found = await this.#look(at)
    if (found === undefined) {
      if (access !== 'write') return undefined
      await this.#makeDirectory(at)
      found = await this.#look(at)
    }
    if (found?.isSymbolicLink()) return this.#follow(at, shown)
    if (!found?.isDirectory()) throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' })
    return at
  }

  /** Makes a directory. Two writes may do so at once: the second finds it made. */
  async #makeDirectory(at: string): Promise<void> {
    try {
      await this.#fs.mkdir(at, { recursive: false })
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error
    }
  }

  async #realPathOf(directory: OpenDirectory): Promise<string> {
    return directory.held ? this.#fs.readlink(directory.path) : directory.path
  }

  /** Returns the real path of a symlink. Rejects if it leads outside or nowhere. */
  async #follow(at: string, shown: string): Promise<string> {
    const real = await this.#fs.realpath(at).catch(error => {
      throw systemCode(error) === 'ENOENT'
        ? new Error(`${shown} is a symbolic link that leads nowhere`)
        : error
    })
    this.#mustBeInside(real, shown)
    return real
  }

  /** Throws if the real path of a file or directory is outside. */
  #mustBeInside(real: string, shown: string): void {
    const inside = relative(this.#root!, real)
    if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside))
      throw new Error(`${shown} is a symbolic link that leads out of ${this.path}`)
  }

  async #look(at: string): Promise<FileStats | undefined> {
    try {
      return await this.#fs.lstat(at)
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  }
}

/** Returns the path of a name in a directory. The name is a safe one, so that `join` would only take longer. */
function pathIn({ path }: OpenDirectory, name: string): string {
  return path.endsWith(sep) ? path + name : path + sep + name
}

/** Matches a path with an empty name, `.`, `..` or NUL. */
const UNSAFE_PATH = /(?:^|\/)\.{0,2}(?:\/|$)|\0/

/** Splits a path into its parent, '' for this directory, and the last name. Throws if the path leads outside. */
function split(path: string): { readonly parent: string; readonly name: string } {
  // Paths of torrents were made safe when they were parsed. This is a second check.
  const unsafe = UNSAFE_PATH.test(path) || (sep === '\\' && /[\\:]/.test(path))
  if (unsafe) throw new Error('the path is not one inside the output directory')
  const slash = path.lastIndexOf('/')
  return { parent: path.slice(0, Math.max(0, slash)), name: path.slice(slash + 1) }
}

function mustBeFile(found: FileKind): void {
  if (found.isFile()) return
  if (found.isDirectory()) throw Object.assign(new Error('is a directory'), { code: 'EISDIR' })
  throw new Error(
    found.isSymbolicLink()
      ? 'it is a symbolic link (remove it, or move what it points to here)'
      : 'it is not a regular file',
  )
}
