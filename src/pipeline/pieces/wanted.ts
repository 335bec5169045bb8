import { Bitfield } from '../../codec/bitfield.ts'
import { checkArgument } from '../../codec/check-arguments.ts'
import { Layout } from '../../metainfo/layout.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { ContentOptions } from './content-options.ts'
import { NORMAL_PRIORITY } from './picker.ts'

/** The wanted pieces of a torrent, and how many of their bytes are missing. */
export class WantedPieces {
  bits: Bitfield
  /** Bytes of wanted pieces. */
  total = 0
  /** Bytes of them that are missing. */
  left = 0
  /** Bytes of pieces that were copied from other files on disk. */
  reused = 0
  readonly #layout: Layout

  constructor(bits: Bitfield, layout: Layout) {
    this.bits = bits
    this.#layout = layout
    this.replace(bits)
  }

  /** Changes which pieces are wanted. @param verified the verified pieces */
  replace(bits: Bitfield, verified?: Bitfield): void {
    this.bits = bits
    this.total = 0
    this.left = 0
    for (const index of bits) {
      const size = this.#layout.pieceSize(index)
      this.total += size
      if (!verified?.has(index)) this.left += size
    }
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

/** Returns the highest priority of the selected files in each piece; 0 for a piece without any. Padding does not count. */
export function piecePriorities(
  metainfo: Metainfo,
  { priority, select }: Pick<ContentOptions, 'priority' | 'select'>,
): Uint8Array {
  const layout = new Layout(metainfo)
  const priorities = new Uint8Array(metainfo.pieceCount)
  for (const [at, file] of metainfo.files.entries()) {
    const pieces = (select?.(at) ?? true) && !(file.pad && select) ? layout.piecesOf(at) : undefined
    if (!pieces) continue
    const own = priority?.(at) ?? NORMAL_PRIORITY
    for (let index = pieces.first; index <= pieces.last; index++)
      priorities[index] = Math.max(priorities[index]!, own)
  }
  return priorities
}

/** Returns the indices of the selected files. */
export function selectedFiles({ files }: Metainfo, select?: (fileIndex: number) => boolean): Bitfield {
  if (!select) return Bitfield.full(files.length)
  const selected = new Bitfield(files.length)
  for (let index = 0; index < files.length; index++) if (select(index)) selected.add(index)
  return selected
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
export function piecesOf(metainfo: Metainfo, start: number, end: number): Bitfield {
  checkArgument('metainfo', metainfo, 'object')
  checkArgument('start', start, 'number')
  checkArgument('end', end, 'number')
  const { pieceCount, pieceLength } = metainfo
  const pieces = new Bitfield(pieceCount)
  for (let index = Math.floor(start / pieceLength); index * pieceLength < end; index++) {
    if (start < end) pieces.add(index)
  }
  return pieces
}
