/** The paths of one torrent, told apart as the least able file system would. */
import { quote } from '../codec/quote.ts'
import { InputError } from '../errors.ts'
import { type Fingerprint, Fingerprinter, Fingerprints } from './fingerprints.ts'
import { cut, splitName } from './name.ts'

/** Directories in one torrent: each is made on disk. */
const MAX_DIRECTORIES = 500_000
/** Files whose path another file has, each of which needs a name of its own. */
const MAX_TAKEN = 100_000
/** Numbers in a row that are tried for one file, each of them in use. */
const MAX_TRIES = 10_000
/** Bytes that ` (1000000)` takes, the highest number that can be needed. */
const SUFFIX = 10

/** What a path is: a bit each, since a file may ask for what is a directory as well. */
const DIRECTORY = 1
const WANTED = 2
const TAKEN = 4

/**
 * Gives every file a path of its own. All paths are reserved first, so that a file keeps the path it asks for
 * unless an earlier one, or a directory, has it, and a made-up path is never one that a later file asks for.
 */
export class PathSet {
  readonly #paths = new Fingerprints()
  #directories = 0
  #taken = 0
  #distinct = true
  /** The next number to try, by what it would be put into: else a thousand files of one name try a million. */
  readonly #next = new Map<string, number>()

  /** Whether no two of the paths that were reserved are alike: then each may be used without being claimed. */
  get distinct(): boolean {
    return this.#distinct
  }

  /** Announces that a file will ask for `path`. Throws ERR_PATH past 500,000 directories. */
  reserve(path: string): void {
    const key = foldPath(path)
    const prints = new Fingerprinter()
    for (let start = 0; ; ) {
      const slash = key.indexOf('/', start)
      if (slash < 0) {
        const file = prints.add(key.slice(start)).value
        if (this.#paths.get(file) !== 0) this.#distinct = false
        this.#mark(file, WANTED)
        return
      }
      const directory = prints.add(key.slice(start, slash)).value
      if ((this.#paths.get(directory) & DIRECTORY) === 0) this.#addDirectory(directory)
      prints.add('/')
      start = slash + 1
    }
  }

  /**
   * `path`, or if that is taken `path` with a number before its extension: `a (1).txt`.
   * Throws ERR_PATH where 10,000 of these in a row are taken as well, and past 100,000 files whose path was taken.
   */
  claim(path: string): string {
    const print = printOf(path)
    if ((this.#paths.get(print) & (TAKEN | DIRECTORY)) === 0) {
      this.#mark(print, TAKEN)
      return path
    }
    if (++this.#taken > MAX_TAKEN) {
      throw new InputError('ERR_PATH', `info.files: more than ${MAX_TAKEN} files whose path another file has`)
    }
    const slash = path.lastIndexOf('/') + 1
    const directory = path.slice(0, slash)
    const { stem, extension } = splitName(path.slice(slash))
    const room = cut(stem, 255 - SUFFIX - Buffer.byteLength(extension))
    const family = foldPath(`${directory}${room}/${extension}`)
    const first = this.#next.get(family) ?? 1
    for (let number = first; number < first + MAX_TRIES; number++) {
      const made = `${directory}${room} (${number})${extension}`
      const madePrint = printOf(made)
      if (this.#paths.get(madePrint) !== 0) continue
      this.#mark(madePrint, TAKEN)
      this.#next.set(family, number + 1)
      return made
    }
    throw new InputError(
      'ERR_PATH',
      `info.files: ${quote(path)} and ${MAX_TRIES} numbered names are all taken`,
    )
  }

  #mark(print: Fingerprint, bit: number): void {
    this.#paths.set(print, this.#paths.get(print) | bit)
  }

  #addDirectory(directory: Fingerprint): void {
    if (this.#paths.get(directory) !== 0) this.#distinct = false
    this.#mark(directory, DIRECTORY)
    if (++this.#directories > MAX_DIRECTORIES) {
      throw new InputError('ERR_PATH', `info.files: more than ${MAX_DIRECTORIES} directories`)
    }
  }
}

function printOf(path: string): Fingerprint {
  return new Fingerprinter().add(foldPath(path)).value
}

/** One text for all spellings that some file system takes for the same: HFS+ composes letters, NTFS ignores case. */
export function foldPath(path: string): string {
  if (ASCII.test(path)) return path.toLowerCase()
  return path.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC')
}

const ASCII = /^[\0-\x7f]*$/
