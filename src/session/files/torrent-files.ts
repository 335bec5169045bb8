import type { Bitfield } from '../../codec/bitfield.ts'
import type { FileEntry, Metainfo } from '../../metainfo/metainfo.ts'
import { withPaths } from '../../storage/find-files.ts'
import type { FileList } from '../records/file-list.ts'
import type { FilePriorities, FilePriority } from '../records/file-priorities.ts'

/** A file of a torrent in a session. Padding (BEP 47) is left out, so `index` may have gaps. */
export interface SessionFile {
  /** The index in the .torrent. */
  readonly index: number
  /** The path on disk, relative to the directory of the torrent. */
  readonly path: string
  readonly length: number
  readonly priority: FilePriority
  /** Bytes in verified pieces. */
  readonly completed: number
  /** The first piece that has bytes of it, and the one after the last. An empty file has the one at its place. */
  readonly firstPiece: number
  readonly endPiece: number
}

/** Lists the files of a torrent. */
export function listTorrentFiles(
  { files, pieceLength }: FileList,
  pieces: Bitfield,
  priorities: FilePriorities,
): SessionFile[] {
  return files.map(file => {
    const { index, length, path } = file
    const { first, end } = piecesOf(file, pieceLength)
    return {
      index,
      path,
      length,
      priority: priorities.get(index),
      completed: completedBytes(file, pieceLength, pieces),
      firstPiece: first,
      endPiece: end,
    }
  })
}

/** Returns the bytes of a file that are in verified pieces. */
export function completedBytes(
  file: Pick<FileEntry, 'length' | 'offset'>,
  pieceLength: number,
  pieces: Bitfield,
): number {
  const { length, offset } = file
  if (pieces.full) return length
  if (length === 0 || pieces.count === 0) return 0
  const { first, end } = piecesOf(file, pieceLength)
  if (end - first === 1) return pieces.has(first) ? length : 0
  // pieces end within the torrent, and with their file in v2: only the first and the last have bytes beside the file
  const atStart = pieces.has(first) ? (first + 1) * pieceLength - offset : 0
  const atEnd = pieces.has(end - 1) ? offset + length - (end - 1) * pieceLength : 0
  return atStart + pieces.countBetween(first + 1, end - 1) * pieceLength + atEnd
}

/** Returns the first piece of a file and the one after its last. An empty file has the one at its place. */
function piecesOf({ length, offset }: Pick<FileEntry, 'length' | 'offset'>, pieceLength: number) {
  const first = Math.floor(offset / pieceLength)
  return { first, end: Math.floor((offset + Math.max(1, length) - 1) / pieceLength) + 1 }
}

/** Returns a torrent with the paths of files that were renamed, by index. */
export function renamed(metainfo: Metainfo, paths: Readonly<Record<string, string>>): Metainfo {
  if (Object.keys(paths).length === 0) return metainfo
  return withPaths(
    metainfo,
    metainfo.files.map(({ path }, index) => paths[index] ?? path),
  )
}

/** Returns the paths that differ from those of the .torrent, by index. */
export function changedPaths(original: Metainfo, now: Metainfo): Record<string, string> {
  const changed = now.files.flatMap(({ path }, index) =>
    path === original.files[index]?.path ? [] : [[index, path] as const],
  )
  return Object.fromEntries(changed)
}
