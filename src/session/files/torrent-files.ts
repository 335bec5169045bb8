import type { Bitfield } from '../../codec/bitfield.ts'
import { Layout } from '../../metainfo/layout.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
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
export function* listTorrentFiles(
  list: FileList,
  pieces: Bitfield,
  priorities: FilePriorities,
): Generator<SessionFile> {
  // no piece begins in padding, so the places of the other files are the same without it
  const files = list.files.map(file => ({ ...file, pad: false, executable: false, hidden: false }))
  const layout = new Layout({ ...list, files })
  for (const [at, { index, length, offset, path }] of files.entries()) {
    const { first, last } = layout.piecesOf(at) ?? {}
    const firstPiece = first ?? Math.floor(offset / layout.pieceLength)
    yield {
      index,
      path,
      length,
      priority: priorities.get(index),
      completed: completedBytes(layout, pieces, at),
      firstPiece,
      endPiece: (last ?? firstPiece) + 1,
    }
  }
}

/** Returns the bytes of a file that are in verified pieces. */
export function completedBytes(layout: Layout, pieces: Bitfield, fileIndex: number): number {
  const { length, offset } = layout.files[fileIndex]!
  if (pieces.full) return length
  const range = pieces.count === 0 ? undefined : layout.piecesOf(fileIndex)
  if (!range) return 0
  const { first, last } = range
  let completed = pieces.countBetween(first + 1, last) * layout.pieceLength
  for (const index of new Set([first, last])) {
    if (!pieces.has(index)) continue
    const piece = layout.pieceRange(index)
    const end = Math.min(piece.position + piece.length, offset + length)
    completed += end - Math.max(piece.position, offset)
  }
  return completed
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
