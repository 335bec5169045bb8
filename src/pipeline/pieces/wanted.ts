import { Bitfield } from '../../codec/bitfield.ts'
import { Layout } from '../../metainfo/layout.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'

/** Returns the pieces with a byte of a selected file. Padding does not count. */
export function wantedPieces(metainfo: Metainfo, select?: (fileIndex: number) => boolean): Bitfield {
  const layout = new Layout(metainfo)
  const wanted = new Bitfield(metainfo.pieceCount)
  metainfo.files.forEach((file, at) => {
    const pieces = (select?.(at) ?? true) && !(file.pad && select) ? layout.piecesOf(at) : undefined
    for (let index = pieces?.first ?? 0; pieces && index <= pieces.last; index++) wanted.add(index)
  })
  return wanted
}

/** Returns the bytes of the whole torrent that are in no verified piece: `left` in announces. */
export function missingBytes({ length, pieceCount, pieceLength }: Metainfo, verified: Bitfield): number {
  if (verified.full) return 0
  const lastShort = verified.has(pieceCount - 1) ? pieceCount * pieceLength - length : 0
  return length - (verified.count * pieceLength - lastShort)
}

/** Returns the pieces with any of the bytes from `start` to before `end`, counted from the torrent's start. */
export function piecesOf({ pieceCount, pieceLength }: Metainfo, start: number, end: number): Bitfield {
  const pieces = new Bitfield(pieceCount)
  for (let index = Math.floor(start / pieceLength); index * pieceLength < end; index++) {
    if (start < end) pieces.add(index)
  }
  return pieces
}
