/** A directory that nothing opened through it can leave, whatever symlinks lie in it already. */
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import {
  type FileHandle,
  type FileKind,
  type FileState,
  type FileStats,
  type FileSystem,
  systemCode,
} from '../ports/file-system.ts'
import { findPath, HeldDirectories } from './descriptor-paths.ts'

/** `read`: what is there. `write`: read and write, made if it is not there. */
export type Access = 'read' | 'write'

/**
 * Opens files by their path in a torrent. Each component is looked at before it is stepped on, and
 * from a symlink that stays inside we go on along its real path.
 *
 * On Linux this holds against another process that swaps components between our look and our step as well: what is
 * opened is asked where it is, and what is made is made in a directory that is held open. Elsewhere it holds against
 * what lies there when we come: for more Node would need `openat`.
 */
export class SafeDirectory {
  readonly path: string
  readonly #fs: FileSystem
  readonly #held: HeldDirectories
  /** The real path; known once the directory is there. */
  #root: string | undefined
  /** @param path may be a symlink, and need not exist: it and its parents are made at the first write */
  constructor(path: string, fs: FileSystem) {
    this.path = path
    this.#fs = fs
    this.#held = new HeldDirectories(fs)
  }

  /**
   * Opens a regular file; with `read`, resolves with nothing where there is none.
   * Rejects with a system error, or an Error whose message says why we refuse.
   */
  async open(path: string, access: Access): Promise<FileHandle | undefined> {
    const at = await this.#locate(path, access)
    if (at === undefined) return undefined
    const found = await this.#look(at)
    if (found === undefined && access === 'read') return undefined
    if (found !== undefined) mustBeFile(found)

    const handle = await this.#openAt(at, access, found === undefined)
    try {
      mustBeFile(await handle.stat())
      const real = await findPath(this.#fs, handle)
      if (real !== undefined) this.#mustBeInside(real, at)
    } catch (error) {
      await handle.close()
      throw error
    }
    return handle
  }

  #openAt(at: string, access: Access, missing: boolean): Promise<FileHandle> {
    const { O_RDONLY, O_RDWR, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = this.#fs.constants
    // Non-blocking, so that a FIFO put there since we looked cannot hold us; it means nothing to a file.
    const flags = (access === 'write' ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK
    if (access === 'read' || !missing) return this.#fs.open(at, flags)
    return this.#in(dirname(at), directory =>
      this.#fs.open(join(directory, basename(at)), flags | O_CREAT, 0o666),
    )
  }

  /**
   * In which state the regular file at `path` is, without opening it; nothing where there is none. Rejects as `open`
   * does.
   */
  async stat(path: string): Promise<FileState | undefined> {
    const at = await this.#locate(path, 'read')
    if (at === undefined) return undefined
    try {
      const found = await this.#fs.lstat(at, { bigint: true })
      mustBeFile(found)
      return found
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  /** The real path of the directory; what of it is not there yet is as it was given. Rejects with a system error. */
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
   * Makes a symlink at `path` that points to `target`, both relative to this directory.
   * One that points there already is left. Rejects as `open` does.
   */
  async link(path: string, target: string): Promise<void> {
    const at = await this.#locate(path, 'write')
    // Also refuses a target that lies behind a symlink to the outside.
    const aim = await this.#locate(target, 'read')
    if (aim !== undefined && (await this.#look(aim))?.isSymbolicLink()) await this.#follow(aim)
    // Counted from where the link really is: through a symlinked parent `..` would lead elsewhere.
    const text = relative(dirname(at), aim ?? join(this.#root!, ...segmentsOf(target))) || '.'
    const found = await this.#look(at)
    if (found?.isSymbolicLink() && (await this.#fs.readlink(at)) === text) return
    await this.#in(dirname(at), directory => this.#fs.symlink(text, join(directory, basename(at))))
  }

  /** Where `path` really is, its parents made when writing; nothing where a parent is missing. */
  async #locate(path: string, access: 'write'): Promise<string>
  async #locate(path: string, access: Access): Promise<string | undefined>
  async #locate(path: string, access: Access): Promise<string | undefined> {
    const segments = segmentsOf(path)
    const name = segments.pop()!
    let at = await this.#enter(access)
    for (const segment of segments) {
      if (at === undefined) return undefined
      at = await this.#step(join(at, segment), access)
    }
    return at === undefined ? undefined : join(at, name)
  }

  async #enter(access: Access): Promise<string | undefined> {
    if (this.#root !== undefined) return this.#root
    if (access === 'write') await this.#fs.mkdir(this.path, { recursive: true })
    try {
      return (this.#root = await this.#fs.realpath(this.path))
    } catch (error) {
      if (access === 'read' && systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  /** The real path of one directory on the way, made when writing. */
  async #step(at: string, access: Access): Promise<string | undefined> {
    let found = await this.#look(at)
    if (found === undefined) {
      if (access === 'read') return undefined
      await this.#make(at)
      found = await this.#look(at)
    }
    if (found?.isSymbolicLink()) return this.#follow(at)
    if (!found?.isDirectory()) throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' })
    return at
  }

  /** Two first writes may want the same directory: the second finds it made. */
  async #make(at: string): Promise<void> {
    try {
      await this.#in(dirname(at), directory =>
        this.#fs.mkdir(join(directory, basename(at)), { recursive: false }),
      )
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error
    }
  }

  /** The real path of a symlink; refused if it leads outside or nowhere. */
  async #follow(at: string): Promise<string> {
    const real = await this.#fs.realpath(at).catch(error => {
      throw systemCode(error) === 'ENOENT' ? new Error(`${at} is a symbolic link that leads nowhere`) : error
    })
    this.#mustBeInside(real, at)
    return real
  }

  /** Throws where the real path of what is at `at` is outside. */
  #mustBeInside(real: string, at: string): void {
    const inside = relative(this.#root!, real)
    if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside))
      throw new Error(`${at} is a symbolic link that leads out of ${this.path}`)
  }

  /** Does `work` with a path of this directory that leads nowhere else, as far as the system has one. */
  #in<T>(directory: string, work: (path: string) => Promise<T>): Promise<T> {
    return this.#held.within(directory, real => this.#mustBeInside(real, directory), work)
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

/** Torrents' paths are made safe when they are parsed; this is the second lock on the same door. */
function segmentsOf(path: string): string[] {
  const segments = path.split('/')
  const unsafe = segments.some(
    segment =>
      segment === '' ||
      segment === '.' ||
      segment === '..' ||
      segment.includes('\0') ||
      (sep === '\\' && /[\\:]/.test(segment)),
  )
  if (unsafe) throw new Error('the path is not one inside the output directory')
  return segments
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
