import { Bitfield } from '../../codec/bitfield.ts'
import type { BlockSource, Fetcher, Request } from '../../streams/block-source.ts'
import type { PieceBuffer } from '../../streams/piece-buffer.ts'

/** Options of `SuperSeed`. */
export interface SuperSeedOptions {
  /** The block source that it wraps. */
  readonly source: BlockSource
  readonly pieceCount: number
  /** From 0 to below 1. */
  readonly random: () => number
}

/** A peer to which pieces are revealed. */
export interface RevealedPeer {
  readonly requester: Fetcher
  /** Tells the peer that we have a piece. */
  sendHave(index: number): void
}

/**
 * Reveals one piece at a time to each peer (BEP 16), the next when another peer has that piece. So the first copy of a
 * torrent leaves its seed hardly more than once.
 *
 * Inputs: which pieces each peer has and which were revealed to it; chance, if they are equally rare.
 */
export class SuperSeed implements BlockSource {
  readonly #source: BlockSource
  readonly #random: () => number
  /** The number of peers that have each piece or to which it was revealed. */
  readonly #known: Uint16Array
  readonly #peers = new Map<Fetcher, { peer: RevealedPeer; revealed: Bitfield; last: number }>()

  constructor({ source, pieceCount, random }: SuperSeedOptions) {
    this.#source = source
    this.#random = random
    this.#known = new Uint16Array(pieceCount)
  }

  /** Reveals the first piece to a connected peer. */
  addPeer(peer: RevealedPeer): void {
    const { requester } = peer
    this.#peers.set(requester, { peer, revealed: new Bitfield(this.#known.length), last: -1 })
    this.#next(requester)
  }

  takeBlocks(requester: Fetcher, room: number, now: number): Request[] {
    return this.#source.takeBlocks(requester, room, now)
  }

  onArrival(requester: Fetcher, requests: readonly Request[]): void {
    this.#source.onArrival(requester, requests)
  }

  onLoss(requester: Fetcher, requests: readonly Request[]): void {
    this.#source.onLoss(requester, requests)
  }

  findPiece(requester: Fetcher, index: number): PieceBuffer | undefined {
    return this.#source.findPiece(requester, index)
  }

  wants(index: number): boolean {
    return this.#source.wants(index)
  }

  onBitfield(requester: Fetcher, before: Bitfield): void {
    this.#source.onBitfield(requester, before)
    for (const index of before) if (!requester.bits.has(index)) this.#known[index]!--
    for (const index of requester.bits) if (!before.has(index)) this.#spread(requester, index)
  }

  onHave(requester: Fetcher, index: number): void {
    this.#source.onHave(requester, index)
    this.#spread(requester, index)
  }

  onDontHave(requester: Fetcher, index: number): void {
    this.#source.onDontHave(requester, index)
    this.#known[index]!--
  }

  onLeave(requester: Fetcher): void {
    this.#source.onLeave(requester)
    for (const index of requester.bits) this.#known[index]!--
    const last = this.#peers.get(requester)?.last ?? -1
    if (last >= 0 && !requester.bits.has(last)) this.#known[last]!--
    this.#peers.delete(requester)
    // A peer that is alone now can upload its piece to no other.
    if (this.#peers.size === 1)
      for (const [other, { last }] of this.#peers) if (other.bits.has(last)) this.#next(other)
  }

  /** A peer has a piece. Another peer to which it was revealed has uploaded it, and gets the next. */
  #spread(requester: Fetcher, index: number): void {
    if (this.#peers.get(requester)?.last !== index) this.#known[index]!++ // else it was counted before
    for (const [other, { last }] of this.#peers) {
      if (last === index && (other !== requester || this.#peers.size === 1)) this.#next(other)
    }
  }

  /** Reveals the rarest piece that a peer lacks and that was not revealed to it. */
  #next(requester: Fetcher): void {
    const shown = this.#peers.get(requester)!
    let best = -1
    let ties = 0
    for (let index = 0; index < this.#known.length; index++) {
      if (requester.bits.has(index) || shown.revealed.has(index)) continue
      const rarer = best < 0 || this.#known[index]! < this.#known[best]!
      if (rarer) ties = 1
      if (rarer || (this.#known[index] === this.#known[best] && this.#random() * ++ties < 1)) best = index
    }
    shown.last = best
    if (best < 0) return
    shown.revealed.add(best)
    this.#known[best]!++
    shown.peer.sendHave(best)
  }
}
