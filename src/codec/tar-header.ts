/** What stands before a file in a tar archive: one block (POSIX ustar), or that behind a pax header. */
import { Header } from 'tar/header'
import { Pax } from 'tar/pax'

/** One file of an archive. What is not said here is the same for all of them: owner 0, time 0. */
export interface TarEntry {
  /** `/` between names. */
  readonly path: string
  /** Bytes. */
  readonly length: number
  readonly executable: boolean
  readonly hidden: boolean
  /** Where a symlink points, as it stands in the link. */
  readonly link?: string
}

/** Bytes: everything in an archive begins at a multiple of this. */
const BLOCK = 512
/** The greatest length that fits into a ustar header: eleven octal digits. */
const MAX_LENGTH = 0o77777777777
/** Where libarchive keeps this flag; it is restored on Windows, macOS and BSD. */
const HIDDEN = '24 SCHILY.fflags=hidden\n'

/** The two empty blocks behind the last file. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK)

/**
 * The header of one file: the same bytes for the same entry. A path or link that is long or not ASCII, a length over
 * 8 GiB and the hidden flag go into a pax header, which comes first.
 */
export function tarHeader({ path, length, executable, hidden, link }: TarEntry): Buffer {
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
  const block = Buffer.alloc(BLOCK)
  if (!header.encode(block) && !hidden) return block
  const extended = new PaxRecords(
    { path, ...(length > MAX_LENGTH && { size: length }), ...(link !== undefined && { linkpath: link }) },
    hidden ? HIDDEN : '',
  )
  return Buffer.concat([extended.encode(), block])
}

/** How many zeros follow a file of so many bytes. */
export function tarPadding(length: number): number {
  return (BLOCK - (length % BLOCK)) % BLOCK
}

/** A pax header with records of our own behind those that it knows. */
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
