import type { Steps } from '../codec/steps.ts'
import { MAX_FILES } from './files.ts'
import { PathSet } from './path-set.ts'
import { nameText, type SourceFile } from './source-file.ts'

/** Number of paths to check between two yields. */
const PATHS_PER_STEP = 512
/** Maximum number of names in a path, below the limit of `safePath`. */
const MAX_NAMES = 64
/** Matches a path with names of printable ASCII, each of 255 bytes at most, and of 1,024 bytes in all. */
const PRINTABLE_PATH = /^(?!.{1025})[ -.0-~]{1,255}(?:\/[ -.0-~]{1,255})*$/
/** Matches a path with a name that Windows does not allow, and some others. */
const NOT_PORTABLE =
  /[<>:"|?*\\]|[. ](?:\/|$)|(?:^|\/)(?:con|prn|aux|nul|com[0-9]|lpt[0-9]|conin\$|conout\$)/i

const NOT_PRINTABLE = /[^ -~]/
const MAX_NAME_BYTES = 255
const MAX_PATH_BYTES = 1_024

/** Returns true if no name in a directory is changed on any system. The names are distinct, without slashes. */
export function arePlainNames(names: readonly string[]): boolean {
  const text = names.join('/')
  if (NOT_PRINTABLE.test(text) || NOT_PORTABLE.test(text)) return false
  if (names.some(({ length }) => length > MAX_NAME_BYTES)) return false
  const folded = text.toLowerCase()
  return folded === text || new Set(folded.split('/')).size === names.length
}

/** Returns true if plain names in a directory give plain paths. The names of the directory itself are plain. */
export function leavesPlainPaths(directory: readonly string[]): boolean {
  return directory.length < MAX_NAMES && directory.join('/').length < MAX_PATH_BYTES - MAX_NAME_BYTES
}

/**
 * Returns true if no path of a new torrent is changed on any system, so that reading the torrent gives no warning about
 * them. May return false for others too. Their number is at most that of a torrent.
 */
export function* arePlain(files: readonly SourceFile[]): Steps<boolean> {
  if (files.length > MAX_FILES) return false
  const paths = new PathSet()
  for (const [index, { path: names, symlink }] of files.entries()) {
    if (index % PATHS_PER_STEP === 0) yield
    let path = ''
    for (const name of names) path += path === '' ? nameText(name) : `/${nameText(name)}`
    if (symlink || names.length > MAX_NAMES || !PRINTABLE_PATH.test(path) || NOT_PORTABLE.test(path))
      return false
    paths.reserve(path)
  }
  return paths.distinct
}
