/** The header of a file in a tar archive: one block (POSIX ustar), preceded by a pax header if needed. */

import { Header } from 'tar/header'
import { Pax } from 'tar/pax'
import { checkRequired } from './check-arguments.ts'

/** A file of an archive. Every file has owner 0 and modification time 0. */
export interface TarEntry {
  /** The path, separated by `/`. */
  readonly path: string
  /** Bytes. */
  readonly length: number
  readonly executable: boolean
  readonly hidden: boolean
  /** The target of a symlink, unchanged. */
  readonly link?: string | undefined
}

/** Length of a tar block in bytes. Headers and files begin at a multiple of it. */
const BLOCK_BYTES = 512
/** The greatest file length in a ustar header: eleven octal digits. */
const MAX_LENGTH = 0o77777777777
/** The pax record of libarchive for the hidden flag. Windows, macOS and BSD restore it. */
const HIDDEN_RECORD = '24 SCHILY.fflags=hidden\n'

/** Matches a path that fits into a plain header. */
const PLAIN_PATH = /^[ -~]{1,99}$/
/** Number of octal digits of the greatest length in a plain header. */
const PLAIN_LENGTH_DIGITS = 10
const CHECKSUM_DIGITS = 6
const [LENGTH_OFFSET, CHECKSUM_OFFSET] = [124, 148]

/** The two empty blocks after the last file. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK_BYTES)

/**
 * Encodes the header of a file. The same entry gives the same bytes. A pax header precedes it if the path or link is
 * long or not ASCII, if the length is over 8 GiB, or if the file is hidden.
 */
export function tarHeader(entry: TarEntry): Buffer {
  checkRequired(entry, { path: 'text' })
  return plainHeader(entry) ?? anyHeader(entry)
}

/** The header of an empty file without a path, and the sum of its bytes. */
interface HeaderTemplate {
  readonly block: Buffer
  readonly sum: number
}

/** By executable bit, made when needed. */
const templates = new Map<boolean, HeaderTemplate>()

function templateOf(executable: boolean): HeaderTemplate {
  const known = templates.get(executable)
  if (known) return known
  const block = anyHeader({ path: '', length: 0, executable, hidden: false })
  const text = block.toString('latin1', CHECKSUM_OFFSET, CHECKSUM_OFFSET + CHECKSUM_DIGITS)
  const template = { block, sum: Number.parseInt(text, 8) }
  templates.set(executable, template)
  return template
}

/** Encodes most headers in a tenth of the time. Returns undefined for a file that is not a plain one. */
function plainHeader({ path, length, executable, hidden, link }: TarEntry): Buffer | undefined {
  if (hidden || link !== undefined || !PLAIN_PATH.test(path) || !(length >= 0)) return undefined
  const digits = length.toString(8)
  if (digits.length > PLAIN_LENGTH_DIGITS) return undefined
  const template = templateOf(executable)
  const block = Buffer.from(template.block)
  let { sum } = template
  for (let at = 0; at < path.length; at++) sum += block[at] = path.charCodeAt(at)
  const start = LENGTH_OFFSET + PLAIN_LENGTH_DIGITS - digits.length
  for (let at = 0; at < digits.length; at++) {
    sum += digits.charCodeAt(at) - block[start + at]!
    block[start + at] = digits.charCodeAt(at)
  }
  block.write(sum.toString(8).padStart(CHECKSUM_DIGITS, '0'), CHECKSUM_OFFSET, 'latin1')
  return block
}

function anyHeader({ path, length, executable, hidden, link }: TarEntry): Buffer {
  const header = new Header({
    path,
    size: length,
    mode: link !== undefined ? 0o777 : executable ? 0o755 : 0o644,
    type: link === undefined ? 'File' : 'SymbolicLink',
    uid: 0,
    gid: 0,
    mtime: new Date(0),
    ...(link === undefined ? {} : { linkpath: link }),
  })
  const block = Buffer.alloc(BLOCK_BYTES)
  if (!header.encode(block) && !hidden) return block
  const extended = new PaxRecords(
    { path, ...(length > MAX_LENGTH && { size: length }), ...(link !== undefined && { linkpath: link }) },
    hidden ? HIDDEN_RECORD : '',
  )
  return Buffer.concat([extended.encode(), block])
}

/** Returns the number of zero bytes after a file of `length` bytes. */
export function tarPadding(length: number): number {
  return (BLOCK_BYTES - (length % BLOCK_BYTES)) % BLOCK_BYTES
}

/** A pax header with additional records after those of the library. */
class PaxRecords extends Pax {
  readonly #own: string

  constructor(known: ConstructorParameters<typeof Pax>[0], own: string) {
    super(known)
    this.#own = own
  }

  override encodeBody(): string {
    return super.encodeBody() + this.#own
  }
}
