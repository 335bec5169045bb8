import type { FileEntry, Metainfo } from '../../metainfo/metainfo.ts'
import { isPortable, type NameOptions } from '../../metainfo/name.ts'
import { type Field, nullable, text, withDefault } from './fields.ts'

/** A file as lists show it. */
export type ListedFile = Pick<FileEntry, 'path' | 'length' | 'offset'> & {
  /** The index in the .torrent. */
  readonly index: number
}

/** The files of a .torrent without padding, and what their place in it depends on. */
export interface FileList extends Pick<Metainfo, 'length' | 'pieceLength' | 'pieceCount' | 'format'> {
  /** The number of files with padding. */
  readonly fileCount: number
  readonly files: readonly ListedFile[]
}

/** Maximum length of the files in a record, as JSON. Longer lists are read from the .torrent. */
const MAX_FILE_LIST_LENGTH = 4096

/** Number of values before the files. */
const FILE_LIST_FACTS = 6

/** The files in a record, as `recordFileList` writes them; null if they are too long for it. Older records have none. */
export const recordedFileList: Field<string | null> = withDefault(nullable(text(MAX_FILE_LIST_LENGTH)), null)

/** Lists the files of a .torrent. */
export function fileListOf(metainfo: Metainfo): FileList {
  const { files, format, length, pieceCount, pieceLength } = metainfo
  const listed = files.flatMap(({ pad, path, length, offset }, index) =>
    pad ? [] : [{ index, path, length, offset }],
  )
  return { length, pieceLength, pieceCount, format, fileCount: files.length, files: listed }
}

/** Returns the files that a record keeps. Their paths depend on the options for names. */
export function recordFileList(metainfo: Metainfo, names: NameOptions): string | null {
  // so many files never fit
  if (metainfo.files.length > MAX_FILE_LIST_LENGTH / 8) return null
  const { fileCount, files, format, length, pieceCount, pieceLength } = fileListOf(metainfo)
  const facts = [isPortable(names), format, length, pieceLength, pieceCount, fileCount]
  const list = JSON.stringify([
    ...facts,
    ...files.map(file => [file.index, file.offset, file.length, file.path]),
  ])
  return list.length > MAX_FILE_LIST_LENGTH ? null : list
}

/** Reads the files of a record; undefined if it has none, they are invalid, or their paths are for other options of names. */
export function readFileList(recorded: string | null, names: NameOptions): FileList | undefined {
  if (recorded === null) return undefined
  try {
    const facts = JSON.parse(recorded) as unknown[]
    const [portable, format, length, pieceLength, pieceCount, fileCount] = facts
    if (portable !== isPortable(names) || !isCount(length)) return undefined
    if (!isCount(pieceLength) || pieceLength === 0) return undefined
    const files = facts.slice(FILE_LIST_FACTS).map(file => readFile(file as unknown[], length))
    return { format, length, pieceLength, pieceCount, fileCount, files } as FileList
  } catch {
    return undefined // changed by hand
  }
}

/** Reads one file of a record. @throws Error if it was changed by hand */
function readFile(recorded: unknown[], end: number): ListedFile {
  const [index, offset, length, path] = recorded
  const areCounts = isCount(index) && isCount(offset) && isCount(length)
  if (!areCounts || offset + length > end || typeof path !== 'string') throw new Error('invalid file')
  return { index, path, length, offset }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
