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
  readonly link?: string
}

/** Length of a tar block in bytes. Headers and files begin at a multiple of it. */
const BLOCK_BYTES = 512
/** The greatest file length in a ustar header: eleven octal digits. */
const MAX_LENGTH = 0o77777777777
/** The pax record of libarchive for the hidden flag. Windows, macOS and BSD restore it. */
const HIDDEN_RECORD = '24 SCHILY.fflags=hidden\n'

/** The two empty blocks after the last file. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK_BYTES)

/**
 * Encodes the header of a file. The same entry gives the same bytes. A pax header precedes it if the path or link is
 * long or not ASCII, if the length is over 8 GiB, or if the file is hidden.
 */
export function tarHeader(entry: TarEntry): Buffer {
  checkRequired(entry, { path: 'text' })
  const { path, length, executable, hidden, link } = entry
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
