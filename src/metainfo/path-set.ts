/** The paths of one torrent, told apart as the least able file system would. */
import { InputError } from '../errors.ts'
import { cut, splitName } from './name.ts'

/** Directories in one torrent: each is kept by name, and made on disk. */
const MAX_DIRECTORIES = 500_000
/** Bytes that ` (1000000)` takes, the highest number that can be needed. */
const SUFFIX = 10

/**
 * Gives every file a path of its own. All paths are reserved first, so that a file keeps the path it asks for
 * unless an earlier one, or a directory, has it, and a made-up path is never one that a later file asks for.
 */
export class PathSet {
  /** Every path that a file asks for or got, folded; true once it was given away. */
  readonly #files = new Map<string, boolean>()
  readonly #directories = new Set<string>()
  /** The next number to try, by what it would be put into: else a thousand files of one name try a million. */
  readonly #next = new Map<string, number>()

  /** Announces that a file will ask for `path`. Throws ERR_PATH past 500,000 directories. */
  reserve(path: string): void {
    const key = foldPath(path)
    this.#files.set(key, false)
    // From the longest: what is above a directory that is known is known.
    for (let end = key.lastIndexOf('/'); end > 0; end = key.lastIndexOf('/', end - 1)) {
      const directory = key.slice(0, end)
      if (this.#directories.has(directory)) break
      this.#directories.add(directory)
    }
    if (this.#directories.size > MAX_DIRECTORIES) {
      throw new InputError('ERR_PATH', `info.files: more than ${MAX_DIRECTORIES} directories`)
    }
  }

  /** `path`, or if that is taken `path` with a number before its extension: `a (1).txt`. */
  claim(path: string): string {
    const key = foldPath(path)
    if (this.#files.get(key) !== true && !this.#directories.has(key)) {
      this.#files.set(key, true)
      return path
    }
    const slash = path.lastIndexOf('/') + 1
    const directory = path.slice(0, slash)
    const { stem, extension } = splitName(path.slice(slash))
    const room = cut(stem, 255 - SUFFIX - Buffer.byteLength(extension))
    const family = foldPath(`${directory}${room}/${extension}`)
    for (let number = this.#next.get(family) ?? 1; ; number++) {
      const made = `${directory}${room} (${number})${extension}`
      const madeKey = foldPath(made)
      if (this.#files.has(madeKey) || this.#directories.has(madeKey)) continue
      this.#files.set(madeKey, true)
      this.#next.set(family, number + 1)
      return made
    }
  }
}

/** One text for all spellings that some file system takes for the same: HFS+ composes letters, NTFS ignores case. */
export function foldPath(path: string): string {
  return path.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC')
}
