/**
 * Paths that are safe to write, from names that a stranger chose. What can only be an attack is refused;
 * what some system could not store is changed, the same way every time, and warned of.
 */

import { INVISIBLE, quote } from '../codec/quote.ts'
import { InputError } from '../errors.ts'
import { cut } from './name.ts'
import { PathSet } from './path-set.ts'
import type { Warn } from './warnings.ts'

/** Bytes of one path: PATH_MAX, less 512 of room for the output directory. */
const MAX_PATH = 4096 - 512
/** Names in one path. */
const MAX_DEPTH = 128

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
 * file system (case and composition of letters ignored; no file where another file's directory is).
 * Refused with ERR_PATH: `..`, absolute paths, separators and NUL inside a name, too many or too long names in all.
 */
export function safePaths(raw: readonly RawPath[], warn: Warn): string[] {
  const paths = raw.map(one => safePath(one, warn))
  const taken = new PathSet()
  raw.forEach((one, index) => {
    if (!one.shared) taken.reserve(paths[index]!)
  })
  return paths.map((path, index) => {
    const { shared, where } = raw[index]!
    if (shared) return path
    const own = taken.claim(path)
    if (own === path) return own
    warn(`${where}: ${quote(path)} is taken by another file, written as ${quote(own)}`)
    checkLength(own, where)
    return own
  })
}

/** One path made safe by itself, as `safePaths` does. */
export function safePath({ where, names, root }: RawPath, warn: Warn): string {
  const spelled = names.map(name => Buffer.from(name).toString('utf8'))
  const refuse = (why: string) => {
    throw new InputError('ERR_PATH', `${where}: unsafe path ${quote(spelled.join('/'))}: ${why}`)
  }
  if (spelled.length > 1 && spelled[0] === '') refuse('it is absolute')
  const safe: string[] = []
  spelled.forEach((name, index) => {
    if (name === '..') refuse('it leaves the output directory')
    if (/^[/\\]|^[a-z]:[/\\]/i.test(name)) refuse('it is absolute')
    if (/[/\\]/.test(name)) refuse(`a separator inside the name ${quote(name)}`)
    if (name.includes('\0')) refuse('it holds a NUL')
    if (name === '.' || name === '') {
      warn(`${where}: the empty name ${quote(name)} is left out of ${quote(spelled.join('/'))}`)
      return
    }
    const made = safeName(name)
    const valid = Buffer.from(name).equals(names[index]!)
    if (made !== name || !valid) {
      warn(`${where}: ${quote(name)}${valid ? '' : ' (not UTF-8)'} is written as ${quote(made)}`)
    }
    safe.push(made)
  })
  if (safe.length === 0) refuse('it names nothing')
  if (safe.length > MAX_DEPTH) refuse(`${safe.length} names deep, at most ${MAX_DEPTH} are allowed`)
  const path = root === undefined ? safe.join('/') : `${root}/${safe.join('/')}`
  checkLength(path, where)
  return path
}

const NOT_ON_WINDOWS = /[<>:"|?*]/g
const RESERVED = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\.|$)/i

function safeName(name: string): string {
  let safe = name.replace(INVISIBLE, '_').replace(NOT_ON_WINDOWS, '_')
  safe = trimmed(cut(trimmed(safe)))
  if (RESERVED.test(safe)) safe = trimmed(cut(`_${safe}`))
  return safe === '' ? '_' : safe
}

/** Without the dots and spaces at its end, which Windows drops on its own. */
function trimmed(name: string): string {
  let end = name.length
  while (end > 0 && (name[end - 1] === '.' || name[end - 1] === ' ')) end--
  return name.slice(0, end)
}

function checkLength(path: string, where: string): void {
  const length = Buffer.byteLength(path)
  if (length <= MAX_PATH) return
  throw new InputError('ERR_PATH', `${where}: a path of ${length} bytes, at most ${MAX_PATH} are allowed`)
}
