/**
 * Makes safe paths from the names in an untrusted torrent. A path that leaves the output directory is rejected.
 * Characters that the file system does not allow are replaced with a warning, in the same way every time.
 */

import { quote } from '../codec/quote.ts'
import type { Steps } from '../codec/steps.ts'
import { InputError } from '../errors.ts'
import { safeName } from './name.ts'
import { PathSet } from './path-set.ts'
import type { Warn } from './warnings.ts'

/** Maximum length of a path in bytes: PATH_MAX, with 512 bytes left for the output directory. */
const MAX_PATH = 4096 - 512
/** Maximum length of a path in the torrent, in bytes, before its names are cut. */
const MAX_RAW_PATH = 65_536
/** Maximum number of names in a path. */
export const MAX_DEPTH = 128

/** Number of paths to process between two yields. */
const PATHS_PER_STEP = 128

/** A path in a torrent, as a list of names. */
export interface RawPath {
  /** Its position for error messages, such as `info.files[3].path`. */
  readonly where: string
  readonly names: readonly Uint8Array[]
  /** The directory that contains it, as a safe path. @default the output directory */
  readonly root?: string
  /** True if it may share its path with another file, since it is never stored (BEP 47 padding). */
  readonly shared?: boolean
}

/**
 * Returns a path to write for each of `raw`, separated by `/` and below the output directory. The paths are distinct on
 * every file system: case and Unicode normalization are ignored, and no file has the path of a directory. If two paths
 * collide, a file with unchanged names keeps its path, and otherwise the earlier file.
 * Throws ERR_PATH for `..`, for an absolute path, and for a path that is too long or too deep.
 * @param portable true to replace what is invalid on Windows
 */
export function* placePaths(raw: readonly RawPath[], warn: Warn, portable: boolean): Steps<string[]> {
  const made: SafePath[] = []
  const taken = new PathSet()
  for (const [index, one] of raw.entries()) {
    if (index % PATHS_PER_STEP === 0) yield
    const path = makePath(one, warn, portable)
    if (!one.shared) taken.reserve(path.path)
    made.push(path)
  }
  const paths = made.map(({ path }) => path)
  const claim = (index: number) => {
    const { shared, where } = raw[index]!
    const { path } = made[index]!
    if (shared) return
    const own = taken.claim(path)
    paths[index] = own
    if (own === path) return
    warn(`${where}: ${quote(path)} is taken by another file, written as ${quote(own)}`)
    checkPathLength(own, where)
  }
  for (const first of [true, false]) {
    for (const [index, { exact }] of made.entries()) {
      if (index % PATHS_PER_STEP === 0) yield
      if (exact === first) claim(index)
    }
  }
  return paths
}

/** Makes one path safe, as `placePaths` does. */
export function safePath(raw: RawPath, warn: Warn, portable: boolean): string {
  return makePath(raw, warn, portable).path
}

/** A safe path. `exact` is true if no name was changed. */
interface SafePath {
  readonly path: string
  readonly exact: boolean
}

function makePath({ where, names, root }: RawPath, warn: Warn, portable: boolean): SafePath {
  let exact = true
  const given = names.reduce((sum, name) => sum + name.length, 0)
  if (given > MAX_RAW_PATH) {
    throw new InputError('ERR_PATH', `${where}: a path of ${given} bytes, the limit is ${MAX_RAW_PATH}`)
  }
  const spelled = names.map(name => Buffer.from(name).toString('utf8'))
  const refuse = (why: string) => {
    throw new InputError('ERR_PATH', `${where}: unsafe path ${quote(spelled.join('/'))}: ${why}`)
  }
  if (spelled.length > 1 && spelled[0] === '') refuse('it is absolute')
  const safe: string[] = []
  spelled.forEach((name, index) => {
    if (name === '..') refuse('it leaves the output directory')
    if (name === '.' || name === '') {
      warn(`${where}: the empty name ${quote(name)} is omitted from ${quote(spelled.join('/'))}`)
      return
    }
    const made = safeName(name, portable)
    const valid = Buffer.from(name).equals(names[index]!)
    if (made !== name || !valid) {
      exact = false
      warn(`${where}: ${quote(name)}${valid ? '' : ' (not UTF-8)'} is written as ${quote(made)}`)
    }
    safe.push(made)
  })
  if (safe.length === 0) refuse('it is empty')
  if (safe.length > MAX_DEPTH) refuse(`it has ${safe.length} names, the limit is ${MAX_DEPTH}`)
  const path = root === undefined ? safe.join('/') : `${root}/${safe.join('/')}`
  checkPathLength(path, where)
  return { path, exact }
}

/** Throws ERR_PATH for a path that is too long. @param root the directory that contains it */
export function checkPathLength(path: string, where: string, root?: string): void {
  const length = Buffer.byteLength(path) + (root === undefined ? 0 : Buffer.byteLength(root) + 1)
  if (length <= MAX_PATH) return
  throw new InputError('ERR_PATH', `${where}: a path of ${length} bytes, the limit is ${MAX_PATH}`)
}
