import { Bitfield } from '../../codec/bitfield.ts'
import { Layout } from '../../metainfo/layout.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'

/** The wanted pieces of a torrent, and how many of their bytes are missing. */
export class WantedPieces {
  readonly bits: Bitfield
  /** Bytes of wanted pieces. */
  readonly total: number
  /** Bytes of them that are still to come. */
  left: number
  readonly #layout: Layout

  constructor(bits: Bitfield, layout: Layout) {
    this.bits = bits
    this.#layout = layout
    this.total = 0
    for (const index of bits) this.total += layout.pieceSize(index)
    this.left = this.total
  }

  /** Notes that a piece is verified that was not. */
  addVerified(index: number): void {
    if (this.bits.has(index)) this.left -= this.#layout.pieceSize(index)
  }

  /** Notes that a verified piece was lost. */
  addLost(index: number): void {
    if (this.bits.has(index)) this.left += this.#layout.pieceSize(index)
  }
}

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
