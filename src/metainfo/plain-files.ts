import type { FileEntry } from './metainfo.ts'
import { isReserved } from './name.ts'

const BEFORE_LENGTH = Buffer.from('d6:lengthi')
const BEFORE_PATH = Buffer.from('e4:pathl')
const [ZERO, NINE, COLON, DOT, SPACE, SLASH, END] = Buffer.from('09:. /e')
/** Maximum number of digits of a length, so that it is an exact number. */
const MAX_DIGITS = 15
/** Maximum length of a name in bytes. */
const MAX_NAME_BYTES = 255
/** Maximum number of names in a path, below the limit of `safePath`. */
const MAX_NAMES = 64
/** Maximum length of a path, far below the limit of `safePath`. */
const MAX_PATH_BYTES = 1024
/** Bytes in names that no system replaces: printable ASCII without those that are invalid on Windows. */
const PLAIN_BYTES = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(byte >= 0x20 && byte < 0x7f && !'<>:"|?*\\/'.includes(String.fromCharCode(byte))),
)

/**
 * Reads the files of a torrent that have a length and a path and nothing else, and names that are valid everywhere.
 * Most files are like that. Reading them this way takes a tenth of the time.
 */
export class PlainFiles {
  readonly #bytes: Buffer
  readonly #portable: boolean
  readonly #root: string
  /** The bytes of a path below the root. */
  readonly #path = Buffer.alloc(MAX_PATH_BYTES)

  /** @param bytes the validated bytes of `info` */
  constructor(bytes: Buffer, root: string, portable: boolean) {
    this.#bytes = bytes
    this.#root = `${root}/`
    this.#portable = portable
  }

  /** Returns the file at `start`, and its path below the root. Returns undefined for a file that is not plain. */
  read(start: number, end: number, offset: number): { file: FileEntry; name: string } | undefined {
    const bytes = this.#bytes
    if (!this.#matches(BEFORE_LENGTH, start)) return undefined
    let at = start + BEFORE_LENGTH.length
    const first = at
    let length = 0
    for (let byte = bytes[at]!; byte >= ZERO! && byte <= NINE!; byte = bytes[++at]!)
      length = length * 10 + byte - ZERO!
    if (at === first || at - first > MAX_DIGITS || !this.#matches(BEFORE_PATH, at)) return undefined
    const pathEnd = this.#readPath(at + BEFORE_PATH.length, end)
    if (pathEnd <= 0) return undefined
    const name = this.#path.toString('latin1', 0, pathEnd)
    if (this.#portable && name.split('/').some(isReserved)) return undefined
    const path = this.#root + name
    return { name, file: { path, length, offset, pad: false, executable: false, hidden: false } }
  }

  /** Copies the names from `at` into the path. Returns its length, or 0 if a name is not plain. */
  #readPath(start: number, end: number): number {
    const bytes = this.#bytes
    const path = this.#path
    let used = 0
    let at = start
    for (let names = 0; bytes[at] !== END; names++) {
      if (names === MAX_NAMES) return 0
      let length = 0
      for (let byte = bytes[at]!; byte >= ZERO! && byte <= NINE!; byte = bytes[++at]!)
        length = length * 10 + byte - ZERO!
      if (bytes[at] !== COLON || length === 0 || length > MAX_NAME_BYTES) return 0
      if (used + length + 1 > MAX_PATH_BYTES) return 0
      if (used > 0) path[used++] = SLASH!
      const nameEnd = ++at + length
      while (at < nameEnd) {
        const byte = bytes[at++]!
        if (PLAIN_BYTES[byte] === 0) return 0
        path[used++] = byte
      }
      const last = path[used - 1]
      // Windows drops these at the end. It also excludes `.` and `..`.
      if (last === DOT || last === SPACE) return 0
    }
    return at + 2 === end ? used : 0
  }

  #matches(expected: Buffer, start: number): boolean {
    for (let at = 0; at < expected.length; at++) if (this.#bytes[start + at] !== expected[at]) return false
    return true
  }
}
