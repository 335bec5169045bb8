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
