/**
 * Paths that are safe to write, from names of an untrusted torrent. Paths that lead outside are refused;
 * what the file system does not take is replaced, the same way every time, with a warning.
 */

import type { Steps } from '../codec/bencode-scan.ts'
import { quote } from '../codec/quote.ts'
import { InputError } from '../errors.ts'
import { safeName } from './name.ts'
import { PathSet } from './path-set.ts'
import { runAtOnce } from './steps.ts'
import type { Warn } from './warnings.ts'

/** Bytes of one path: PATH_MAX, less 512 of room for the output directory. */
const MAX_PATH = 4096 - 512
/** Bytes of one path as a torrent spells it: long names are cut, but not any length of them. */
const MAX_SPELLED = 65_536
/** Names in one path. */
const MAX_DEPTH = 128

/** Paths that are made from one yield to the next. */
const PATHS_PER_STEP = 128

/** A path as a torrent spells it, name by name. */
export interface RawPath {
  /** What errors call it: `info.files[3].path`. */
  readonly where: string
  readonly names: readonly Uint8Array[]
  /** A directory that it lies in, safe already. @default the output directory */
  readonly root?: string
  /** Whether it may share its path with another, being never stored (BEP 47 padding). */
  readonly shared?: boolean
}

/**
 * Paths to write, one for each of `raw`, `/` between names, all below the output directory and no two alike on any
 * file system (case and composition of letters ignored; no file where another file's directory is). Where two would be
 * alike, the file whose names need no replacement keeps its path, then the earlier one.
 * Throws ERR_PATH: `..`, absolute paths, too many or too long names in all.
 * @param portable whether names are replaced that only some systems take
 */
export function safePaths(raw: readonly RawPath[], warn: Warn, portable: boolean): string[] {
  return runAtOnce(placePaths(raw, warn, portable))
}

/** As `safePaths`, in steps. */
export function* placePaths(raw: readonly RawPath[], warn: Warn, portable: boolean): Steps<string[]> {
  const made: Made[] = []
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
    checkLength(own, where)
  }
  for (const first of [true, false]) {
    for (const [index, { exact }] of made.entries()) {
      if (index % PATHS_PER_STEP === 0) yield
      if (exact === first) claim(index)
    }
  }
  return paths
}

/** One path made safe by itself, as `safePaths` does. */
export function safePath(raw: RawPath, warn: Warn, portable: boolean): string {
  return makePath(raw, warn, portable).path
}

/** A safe path, and whether its names are as the torrent spells them. */
interface Made {
  readonly path: string
  readonly exact: boolean
}

function makePath({ where, names, root }: RawPath, warn: Warn, portable: boolean): Made {
  let exact = true
  const given = names.reduce((sum, name) => sum + name.length, 0)
  if (given > MAX_SPELLED) {
    throw new InputError('ERR_PATH', `${where}: a path of ${given} bytes, at most ${MAX_SPELLED} are read`)
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
      warn(`${where}: the empty name ${quote(name)} is left out of ${quote(spelled.join('/'))}`)
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
  if (safe.length === 0) refuse('it names nothing')
  if (safe.length > MAX_DEPTH) refuse(`${safe.length} names deep, at most ${MAX_DEPTH} are allowed`)
  const path = root === undefined ? safe.join('/') : `${root}/${safe.join('/')}`
  checkLength(path, where)
  return { path, exact }
}

/** Throws ERR_PATH for a path that is too long. @param root a directory that it lies in */
export function checkLength(path: string, where: string, root?: string): void {
  const length = Buffer.byteLength(path) + (root === undefined ? 0 : Buffer.byteLength(root) + 1)
  if (length <= MAX_PATH) return
  throw new InputError('ERR_PATH', `${where}: a path of ${length} bytes, at most ${MAX_PATH} are allowed`)
}
