/** The paths of one torrent, distinct on every file system. */
import { quote } from '../codec/quote.ts'
import { InputError } from '../errors.ts'
import { type Fingerprint, Fingerprinter, Fingerprints } from './fingerprints.ts'
import { cut, splitName } from './name.ts'

/** Maximum number of directories in a torrent. Each is created on disk. */
export const MAX_DIRECTORIES = 500_000
/** Maximum number of files that need another path, since theirs is in use. */
const MAX_COLLISIONS = 100_000
/** Maximum number of consecutive suffixes to try for one file. */
const MAX_SUFFIX_TRIES = 10_000
/** Length of ` (1000000)` in bytes, the greatest suffix. */
const SUFFIX_BYTES = 10

/** The state of a path as bits, since a file may request the path of a directory. */
const DIRECTORY_BIT = 1
const WANTED_BIT = 2
const TAKEN_BIT = 4

/**
 * Assigns a distinct path to every file. All requested paths are reserved first. A file keeps its requested path unless
 * an earlier file or a directory has it. A numbered path never equals the requested path of a later file.
 */
export class PathSet {
  readonly #paths = new Fingerprints()
  #directories = 0
  #taken = 0
  #distinct = true
  /** The directory of the last reserved path, with its last separator: the next path is often in it too. */
  #directory = ''
  #directoryPrints = new Fingerprinter()
  /** The next number to try for each name. Without it, a thousand files of one name would need a million tries. */
  readonly #next = new Map<string, number>()

  /** True if all reserved paths are distinct. They can then be used without `claim`. */
  get distinct(): boolean {
    return this.#distinct
  }

  /** Reserves the path that a file will claim. Throws ERR_PATH for more than 500,000 directories. */
  reserve(path: string): void {
    const key = foldPath(path)
    const isNear = key.startsWith(this.#directory)
    const prints = isNear ? this.#directoryPrints.copy() : new Fingerprinter()
    for (let start = isNear ? this.#directory.length : 0; ; ) {
      const slash = key.indexOf('/', start)
      if (slash < 0) {
        const file = prints.add(key.slice(start)).value
        if (this.#paths.get(file) !== 0) this.#distinct = false
        this.#mark(file, WANTED_BIT)
        return
      }
      const directory = prints.add(key.slice(start, slash)).value
      if ((this.#paths.get(directory) & DIRECTORY_BIT) === 0) this.#addDirectory(directory)
      prints.add('/')
      start = slash + 1
      this.#directory = key.slice(0, start)
      this.#directoryPrints = prints.copy()
    }
  }

  /**
   * Returns `path`, or if it is in use, `path` with a number before its extension: `a (1).txt`.
   * Throws ERR_PATH after 10,000 consecutive numbers in use, and for more than 100,000 collisions.
   */
  claim(path: string): string {
    const print = printOf(path)
    if ((this.#paths.get(print) & (TAKEN_BIT | DIRECTORY_BIT)) === 0) {
      this.#mark(print, TAKEN_BIT)
      return path
    }
    if (++this.#taken > MAX_COLLISIONS) {
      throw new InputError(
        'ERR_PATH',
        `info.files: more than ${MAX_COLLISIONS} files with the path of another file`,
      )
    }
    const slash = path.lastIndexOf('/') + 1
    const directory = path.slice(0, slash)
    const { stem, extension } = splitName(path.slice(slash))
    const short = cut(stem, 255 - SUFFIX_BYTES - Buffer.byteLength(extension))
    const family = foldPath(`${directory}${short}/${extension}`)
    const first = this.#next.get(family) ?? 1
    for (let number = first; number < first + MAX_SUFFIX_TRIES; number++) {
      const made = `${directory}${short} (${number})${extension}`
      const madePrint = printOf(made)
      if (this.#paths.get(madePrint) !== 0) continue
      this.#mark(madePrint, TAKEN_BIT)
      this.#next.set(family, number + 1)
      return made
    }
    throw new InputError(
      'ERR_PATH',
      `info.files: ${quote(path)} and ${MAX_SUFFIX_TRIES} numbered names are all in use`,
    )
  }

  #mark(print: Fingerprint, bit: number): void {
    this.#paths.set(print, this.#paths.get(print) | bit)
  }

  #addDirectory(directory: Fingerprint): void {
    if (this.#paths.get(directory) !== 0) this.#distinct = false
    this.#mark(directory, DIRECTORY_BIT)
    if (++this.#directories > MAX_DIRECTORIES) {
      throw new InputError('ERR_PATH', `info.files: more than ${MAX_DIRECTORIES} directories`)
    }
  }
}

function printOf(path: string): Fingerprint {
  return new Fingerprinter().add(foldPath(path)).value
}

/** Returns the same text for all paths that some file system treats as equal: HFS+ normalizes, NTFS ignores case. */
export function foldPath(path: string): string {
  if (ASCII_TEXT.test(path)) return path.toLowerCase()
  return path.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC')
}

const ASCII_TEXT = /^[\0-\x7f]*$/
