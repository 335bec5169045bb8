import type { Layout } from '../../metainfo/layout.ts'
import type { PieceBuffer } from '../../streams/piece-buffer.ts'

/** Who gave how much of a file. */
export interface Given {
  readonly address: string
  /** Verified bytes. */
  readonly bytes: number
}

/** Addresses that are told apart for each file; what others gave is added up. */
const MOST = 1000
const OTHERS = 'others'

/** Which peers the verified bytes of each file came from. */
export class Contributions {
  readonly #layout: Layout
  readonly #nameOf: (giver: unknown) => string
  readonly #files = new Map<number, Map<string, number>>()

  /** @param nameOf the address of who gave a block */
  constructor(layout: Layout, nameOf: (giver: unknown) => string) {
    this.#layout = layout
    this.#nameOf = nameOf
  }

  /** A piece is verified. */
  add(piece: PieceBuffer): void {
    const { position, length } = this.#layout.pieceRange(piece.index)
    const [first, ...more] = this.#layout.spans(position, length)
    if (first && more.length === 0) {
      for (const [giver, bytes] of bytesOf(piece)) this.#count(first.fileIndex, giver, bytes)
      return
    }
    for (let block = 0; block < piece.blocks; block++) {
      const at = position + block * piece.blockLength(0)
      for (const { fileIndex, length } of this.#layout.spans(at, piece.blockLength(block))) {
        this.#count(fileIndex, piece.givers[block], length)
      }
    }
  }

  /** Who gave how much of a file, the most first. */
  of(fileIndex: number): Given[] {
    const given = [...(this.#files.get(fileIndex) ?? [])].map(([address, bytes]) => ({ address, bytes }))
    return given.sort((a, b) => b.bytes - a.bytes)
  }

  #count(fileIndex: number, giver: unknown, bytes: number): void {
    if (giver === undefined) return // of an earlier run
    const file = this.#files.get(fileIndex) ?? new Map<string, number>()
    this.#files.set(fileIndex, file)
    let name = this.#nameOf(giver)
    if (!file.has(name) && file.size >= MOST) name = OTHERS
    file.set(name, (file.get(name) ?? 0) + bytes)
  }
}

function bytesOf(piece: PieceBuffer): Map<unknown, number> {
  const given = new Map<unknown, number>()
  for (let block = 0; block < piece.blocks; block++) {
    const giver = piece.givers[block]
    given.set(giver, (given.get(giver) ?? 0) + piece.blockLength(block))
  }
  return given
}
