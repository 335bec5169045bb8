import type { Layout } from '../../metainfo/layout.ts'
import type { PieceBuffer } from '../../streams/piece-buffer.ts'

/** The verified bytes of a file from one peer or web seed. */
export interface Contribution {
  readonly address: string
  /** Verified bytes. */
  readonly bytes: number
}

/** Addresses that are counted separately for each file. */
const MAX_ADDRESSES = 1000
/** The name under which all further addresses of a file are counted together. */
const OTHER_ADDRESSES = 'others'

/** Knows the addresses of the givers of blocks. */
export interface NamedGivers {
  nameOf(giver: object): string
}

/** Counts the verified bytes of each file by the peer that sent them. */
export class Contributions {
  readonly #layout: Layout
  readonly #trust: NamedGivers
  /** The first address of each file, and its bytes. Most small files have no other, and a Map for each would be large. */
  #first: { readonly addresses: (string | undefined)[]; readonly bytes: Float64Array } | undefined
  /** The further addresses of files, and their bytes. */
  readonly #others = new Map<number, Map<string, number>>()

  constructor(layout: Layout, trust: NamedGivers) {
    this.#layout = layout
    this.#trust = trust
  }

  /** True if no byte was counted. */
  get isEmpty(): boolean {
    return this.#first === undefined
  }

  /** Counts a verified piece. */
  add(piece: PieceBuffer): void {
    const { position, length } = this.#layout.pieceRange(piece.index)
    const [first, ...more] = this.#layout.spans(position, length)
    if (first && more.length === 0) {
      for (const [giver, bytes] of bytesByGiver(piece)) this.#count(first.fileIndex, giver, bytes)
      return
    }
    for (let block = 0; block < piece.blocks; block++) {
      const at = position + block * piece.blockLength(0)
      for (const { fileIndex, length } of this.#layout.spans(at, piece.blockLength(block))) {
        this.#count(fileIndex, piece.givers[block], length)
      }
    }
  }

  /** Returns the bytes of a file from each peer, the largest first. */
  listFor(fileIndex: number): Contribution[] {
    const address = this.#first?.addresses[fileIndex]
    if (address === undefined) return []
    const given = [{ address, bytes: this.#first!.bytes[fileIndex]! }]
    for (const [address, bytes] of this.#others.get(fileIndex) ?? []) given.push({ address, bytes })
    return given.sort((a, b) => b.bytes - a.bytes)
  }

  #count(fileIndex: number, giver: unknown, bytes: number): void {
    if (giver === undefined) return // the block is of an earlier run
    const { length } = this.#layout.files
    const first = (this.#first ??= { addresses: new Array(length), bytes: new Float64Array(length) })
    const name = this.#trust.nameOf(giver as object)
    const firstAddress = (first.addresses[fileIndex] ??= name)
    if (firstAddress === name) {
      first.bytes[fileIndex]! += bytes
      return
    }
    const others = this.#others.get(fileIndex) ?? new Map<string, number>()
    this.#others.set(fileIndex, others)
    const address = others.has(name) || others.size + 1 < MAX_ADDRESSES ? name : OTHER_ADDRESSES
    others.set(address, (others.get(address) ?? 0) + bytes)
  }
}

function bytesByGiver(piece: PieceBuffer): Map<unknown, number> {
  const { blocks, givers } = piece
  const given = new Map<unknown, number>()
  // A giver has often brought many blocks in a row.
  for (let block = 0, end = 0; block < blocks; block = end) {
    const giver = givers[block]
    do end++
    while (end < blocks && givers[end] === giver)
    const bytes = (end - block - 1) * piece.blockLength(0) + piece.blockLength(end - 1)
    given.set(giver, (given.get(giver) ?? 0) + bytes)
  }
  return given
}
