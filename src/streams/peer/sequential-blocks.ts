import { checkRequired } from '../../codec/check-arguments.ts'
import type { BlockSource, Fetcher } from '../block-source.ts'
import type { Request } from '../pending-requests.ts'
import { BLOCK_STATE, PieceBuffer } from '../piece-buffer.ts'

/** Options of `SequentialBlocks`. */
export interface SequentialBlocksOptions {
  /** Bytes of every piece but the last. */
  readonly pieceLength: number
  /** Bytes of the torrent. */
  readonly length: number
  /** Maximum pieces in memory, which bounds the requests. @default 8 */
  readonly maxPieces?: number
}

/**
 * A simple source of blocks: all pieces of a torrent in order, a few at a time, each block from one peer. For a Requester
 * that is used without a Torrent; any number of Requesters can share it.
 */
export class SequentialBlocks implements BlockSource {
  readonly #options: SequentialBlocksOptions
  /** Active pieces, by index. */
  readonly #active = new Map<number, PieceBuffer>()
  readonly #finished = new Set<number>()
  /** All pieces before this one are finished. */
  #first = 0
  /** Fetchers that had more room than there were blocks. */
  readonly #idle = new Set<Fetcher>()
  readonly #pieceCount: number

  constructor(options: SequentialBlocksOptions) {
    checkRequired(options, { length: 'whole', pieceLength: 'positive' })
    this.#options = options
    this.#pieceCount = Math.ceil(options.length / options.pieceLength)
  }

  /** True once every piece was passed to `finish`. */
  get complete(): boolean {
    return this.#finished.size === this.#pieceCount
  }

  /** Ends a piece that is stored, so that another one can begin. */
  finish({ index }: PieceBuffer): void {
    this.#active.delete(index)
    this.#finished.add(index)
    while (this.#finished.has(this.#first)) this.#first++
    this.#fillIdle()
  }

  /** Requests a piece again that does not match its hash. */
  restart(piece: PieceBuffer): void {
    if (this.#active.get(piece.index) !== piece) return
    piece.close()
    this.#active.delete(piece.index)
    this.#fillIdle()
  }

  takeBlocks(fetcher: Fetcher, room: number, now: number): Request[] {
    const requests: Request[] = []
    for (let index = this.#first; index < this.#pieceCount && requests.length < room; index++) {
      if (this.#finished.has(index) || !fetcher.offers(index)) continue
      const piece = this.#active.get(index) ?? this.#open(index)
      if (!piece) continue // a later one may be active
      for (let block = 0; piece.free > 0 && block < piece.blocks && requests.length < room; block++) {
        if (piece.states[block] !== BLOCK_STATE.free) continue
        piece.request(block)
        requests.push({ piece, block, at: now, lost: false })
      }
    }
    if (requests.length < room) this.#idle.add(fetcher)
    return requests
  }

  onLoss(_: Fetcher, requests: readonly Request[]): void {
    for (const { piece, block } of requests) piece.release(block)
    this.#fillIdle()
  }

  findPiece(_: Fetcher, index: number): PieceBuffer | undefined {
    return this.#active.get(index)
  }

  wants(index: number): boolean {
    return index < this.#pieceCount && !this.#finished.has(index)
  }

  onLeave(fetcher: Fetcher): void {
    this.#idle.delete(fetcher)
  }

  onArrival(): void {}
  onBitfield(): void {}
  onHave(): void {}
  onDontHave(): void {}

  #open(index: number): PieceBuffer | undefined {
    const { length, maxPieces = 8, pieceLength } = this.#options
    if (this.#active.size >= maxPieces) return undefined
    const piece = new PieceBuffer(index, Math.min(pieceLength, length - index * pieceLength))
    this.#active.set(index, piece)
    return piece
  }

  #fillIdle(): void {
    const fetchers = [...this.#idle]
    this.#idle.clear()
    for (const fetcher of fetchers) fetcher.fill()
  }
}
