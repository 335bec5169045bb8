import type { Bitfield } from '../../codec/bitfield.ts'
import { BLOCK_STATE, type PieceBuffer } from '../../streams/piece-buffer.ts'
import type { Peer } from '../peer/peer.ts'
import type { Pieces } from './pieces.ts'

/** The pieces that a reader waits for. */
export interface AwaitedPieces {
  /** The first missing piece that it needs, and the last of the missing ones that follow it. */
  readonly first: number
  readonly last: number
  /** The part of the first one that has arrived, from 0 to 1. */
  readonly part: number
  /** Peers that are sending the first one. */
  readonly peers: number
}

/** Pieces after the awaited one that are named with it. */
const MAX_NAMED_PIECES = 3

/** The states of the pieces of one torrent, for displays. It only reads. */
export class PieceReport {
  readonly #pieces: Pieces
  readonly #peers: readonly Peer[]

  /** @param peers the connected ones */
  /** @internal */
  constructor(pieces: Pieces, peers: readonly Peer[]) {
    this.#pieces = pieces
    this.#peers = peers
  }

  /** The pieces that are verified and stored. */
  get verified(): Bitfield {
    return this.#pieces.verified
  }

  /** The pieces with a byte of a selected file. Another object after a change of the selection. */
  get wanted(): Bitfield {
    return this.#pieces.wanted.bits
  }

  /** Connected peers that have every piece. */
  get seeds(): number {
    return this.#peers.filter(({ requester }) => requester.isSeed).length
  }

  /** Returns the number of connected peers that have a piece, without seeds. */
  countCopies(index: number): number {
    return this.#pieces.pipeline?.scheduler.countCopies(index) ?? 0
  }

  /** The pieces with blocks that were requested or have arrived. */
  *listActive(): Generator<number> {
    for (const { index } of this.#pieces.pipeline?.scheduler.pieces.shared() ?? []) yield index
  }

  /** The missing pieces that readers need soon. */
  *listNext(): Generator<number> {
    const { ahead = 0 } = this.#cursors ?? {}
    for (const { at, end } of this.#cursors ?? [])
      for (let index = at; index < Math.min(end, at + ahead); index++)
        if (!this.verified.has(index)) yield index
  }

  /** The pieces that readers wait for, once for each of them. */
  *listAwaited(): Generator<AwaitedPieces> {
    for (const { at, end, waiting } of this.#cursors ?? []) {
      if (!waiting || this.verified.has(at)) continue
      let last = at
      while (last + 1 < Math.min(end, at + MAX_NAMED_PIECES) && !this.verified.has(last + 1)) last++
      const buffer = this.#pieces.pipeline?.scheduler.pieces.findShared(at)
      const part = buffer ? buffer.arrived / buffer.blocks : 0
      yield { first: at, last, part, peers: buffer ? this.#countSenders(buffer) : 0 }
    }
  }

  get #cursors() {
    return this.#pieces.pipeline?.cursors
  }

  #countSenders({ index, states }: PieceBuffer): number {
    const requested = [...states.keys()].filter(block => states[block] === BLOCK_STATE.requested)
    return this.#peers.filter(({ requester }) =>
      requested.some(block => requester.findRequestTime(index, block) !== undefined),
    ).length
  }
}
