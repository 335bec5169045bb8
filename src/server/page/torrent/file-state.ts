import { Bitfield } from '../../../codec/bitfield.ts'
import type { Metainfo } from '../../../metainfo/metainfo.ts'
import { FilePriorities } from '../../../session/records/file-priorities.ts'
import { parsePieces } from '../../../session/torrent/torrent-progress.ts'
import type { PageTorrent } from '../page-torrents.ts'
import type { FileRow } from '../torrent-documents.ts'

/** Returns the verified pieces of a torrent, also while it does not run. */
export function verifiedOf({ stored, torrent }: PageTorrent, { pieceCount }: Metainfo): Bitfield {
  if (torrent && torrent.verified.size === pieceCount && torrent.state !== 'metadata') return torrent.verified
  return stored ? parsePieces(stored.record.pieces, pieceCount) : new Bitfield(pieceCount)
}

/** Returns the priorities of the files of a torrent, by index. */
export function prioritiesOf(
  { stored, torrent }: PageTorrent,
  { files }: Metainfo,
): (index: number) => FileRow['priority'] {
  if (stored) {
    const priorities = new FilePriorities(files.length, stored.record.priorities)
    return index => priorities.get(index)
  }
  return index => (torrent?.details.isSelected(index) === false ? 'off' : 'normal')
}
