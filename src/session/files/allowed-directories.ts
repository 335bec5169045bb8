import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { checkArgument } from '../../codec/check-arguments.ts'
import { quote } from '../../codec/quote.ts'
import { InputError } from '../../errors.ts'
import { type FileSystem, systemCode } from '../../ports/file-system.ts'

/** The directories that may hold torrents. */
export class AllowedDirectories {
  readonly #fs: Pick<FileSystem, 'realpath'>
  readonly #roots: readonly string[] | undefined

  /** @param roots undefined for any directory */
  constructor(roots: readonly string[] | undefined, fs: Pick<FileSystem, 'realpath'>) {
    this.#roots = roots?.map(root => resolve(root))
    this.#fs = fs
  }

  /**
   * Follows the symlinks of a path, as far as it exists. Rejects with ERR_PATH for a path that is not absolute, or leads
   * out of the roots.
   */
  async check(directory: string): Promise<void> {
    checkArgument('directory', directory, 'string')
    if (!isAbsolute(directory))
      throw new InputError('ERR_PATH', `directory: expected an absolute path, got ${quote(directory)}`)
    if (!this.#roots) return
    const path = resolve(directory)
    // before the disk is asked: a client must not learn what exists elsewhere
    if (!this.#roots.some(root => isInside(path, root))) throw this.#outside(path)
    const [real, ...roots] = await Promise.all([path, ...this.#roots].map(one => this.#follow(one)))
    if (!roots.some(root => isInside(real!, root))) throw this.#outside(path)
  }

  #outside(path: string): InputError {
    return new InputError(
      'ERR_PATH',
      `directory: ${quote(path)} is outside of ${(this.#roots ?? []).join(', ')}`,
    )
  }

  /** Returns a path without symlinks. The part that does not exist has none. Rejects with ERR_PATH if it cannot be followed. */
  async #follow(path: string): Promise<string> {
    for (let above = path; ; above = dirname(above)) {
      try {
        return join(await this.#fs.realpath(above), relative(above, path))
      } catch (error) {
        const code = systemCode(error)
        if (code === 'ENOENT' && above !== dirname(above)) continue
        throw new InputError('ERR_PATH', `directory: ${quote(path)} cannot be followed (${code})`)
      }
    }
  }
}

function isInside(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)
}
