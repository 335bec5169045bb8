import { isAbsolute, resolve, sep } from 'node:path'
import { quote } from '../codec/quote.ts'
import { InputError } from '../errors.ts'

/** The directories that may hold torrents. */
export class AllowedDirectories {
  readonly #roots: readonly string[] | undefined

  /** @param roots undefined for any directory */
  constructor(roots: readonly string[] | undefined) {
    this.#roots = roots?.map(root => resolve(root))
  }

  /** @throws InputError ERR_PATH for a path that is not absolute, or outside of the roots */
  check(directory: string): void {
    if (!isAbsolute(directory))
      throw new InputError('ERR_PATH', `directory: expected an absolute path, got ${quote(directory)}`)
    const path = resolve(directory)
    const isInside = (root: string) =>
      path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)
    if (this.#roots && !this.#roots.some(isInside))
      throw new InputError('ERR_PATH', `directory: ${quote(path)} is outside of ${this.#roots.join(', ')}`)
  }
}
