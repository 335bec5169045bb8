import { shuffled } from '../../ports/random.ts'
import type { SuggestedPeer } from '../peer/peer-context.ts'
import { UploadGauge } from './upload-gauge.ts'

/** Options of `Suggestions`. */
export interface SuggestionsOptions {
  readonly pieceCount: number
  /** Bytes of each piece but the last. */
  readonly pieceLength: number
  /** Counts the peers that have a piece, without seeds. */
  readonly source: { countCopies(index: number): number }
  /** From 0 to below 1. */
  readonly random: () => number
}

/** Bytes of suggestions that a peer has at least: as much as it may request before the next suggestion arrives. */
const MIN_SUGGESTED_BYTES = 1 << 18
const MIN_SUGGESTED_PIECES = 2
/** Bytes of pieces that are left to one peer while others wait, and the minimum in pieces. */
const HELD_BYTES = 1 << 20
const MIN_HELD_PIECES = 4
/** Milliseconds that a peer may get nothing because others are served: less than the time after which it gives us up. */
const MAX_PEER_WAIT_MS = 8000
/** Milliseconds that a piece is left to the first peer that requested it, while others get other pieces. */
const MAX_HOLD_MS = 60_000

/**
 * Decides which pieces a seed suggests to which peer, so that it does not send a piece to two peers of which one could
 * upload it to the other (BEP 6).
 *
 * Inputs: which pieces only seeds have; which were suggested to or requested by a connected peer, and when; which
 * suggestions the peer has followed; how long it waits, and how long the peer that requested first waits; the recent upload
 * rate; chance.
 *
 * Others wait for a piece only while the upload is saturated, since another peer then gets at once what they do not. They wait
 * only for a peer that takes what it requests, and only for a few pieces of each.
 *
 * Each piece is suggested once, to one peer. A piece that another peer has is left to the peers, which pick the rarest
 * first. So a swarm that has every piece gets no suggestions.
 */
export class Suggestions<Peer extends SuggestedPeer> {
  readonly #options: SuggestionsOptions
  readonly #stock: number
  readonly #held: number
  readonly #gauge = new UploadGauge()
  /** Pieces that were not suggested yet, in random order. */
  #fresh: number[] | undefined
  /** The pieces that were suggested to each peer and not requested yet, and those that it requested. */
  readonly #waiting = new Map<Peer, Set<number>>()
  readonly #asked = new Map<Peer, Set<number>>()
  /** The peer that a piece was first suggested to or requested by, and when. */
  readonly #taken = new Map<number, { readonly peer: Peer; readonly at: number }>()

  constructor(options: SuggestionsOptions) {
    this.#options = options
    this.#stock = Math.max(MIN_SUGGESTED_PIECES, Math.ceil(MIN_SUGGESTED_BYTES / options.pieceLength))
    this.#held = Math.max(MIN_HELD_PIECES, Math.ceil(HELD_BYTES / options.pieceLength))
  }

  /** Takes the number of bytes sent so far to all peers. Called several times a second. */
  tick(uploaded: number, now: number): void {
    this.#gauge.update(uploaded, now)
  }

  /** Returns the pieces to suggest to a peer now. @param has true for a piece that the peer has */
  choosePieces(peer: Peer, has: (index: number) => boolean, now: number): number[] {
    const waiting = this.#of(this.#waiting, peer)
    const fresh = (this.#fresh ??= this.#shuffled())
    const chosen: number[] = []
    while (waiting.size < this.#stock && fresh.length > 0) {
      const index = fresh.pop()!
      if (this.#taken.has(index) || this.#options.source.countCopies(index) > 0 || has(index)) continue
      waiting.add(index)
      this.#taken.set(index, { peer, at: now })
      chosen.push(index)
    }
    return chosen
  }

  /** A peer requests a piece. Returns true if it is time to call `next`. */
  noteRequest(peer: Peer, index: number, now: number): boolean {
    const asked = this.#of(this.#asked, peer)
    if (asked.has(index)) return false
    const suggested = this.#waiting.get(peer)?.delete(index) ?? false
    const owner = this.#taken.get(index)?.peer
    if (owner === undefined || owner === peer || this.#waiting.get(owner)?.delete(index)) {
      asked.add(index)
      this.#taken.set(index, { peer, at: now })
    }
    return suggested
  }

  /** Returns true if a peer's requests for a piece should wait, because another peer fetches it and may upload it. */
  defersPiece(peer: Peer, index: number, now: number): boolean {
    if (!this.#gauge.saturated) return false // there is upload to spare
    const taken = this.#taken.get(index)
    if (!taken || taken.peer === peer) return false
    if (now - peer.waitsSince >= MAX_PEER_WAIT_MS || now - taken.at >= MAX_HOLD_MS) return false
    // the peer that requested the piece first gets nothing, so no other peer waits for it
    if (now - taken.peer.waitsSince >= MAX_PEER_WAIT_MS) return false
    const { sending, waiting } = taken.peer.responder
    if (!sending && waiting === 0) return false // it has received what it requested
    // A piece that another peer has needs no wait: peers that share have cancelled the request by then.
    return this.#options.source.countCopies(index) === 0 && this.#isHeld(taken.peer, index)
  }

  /** Returns true if a piece is one of the first that a peer requested of those that no other peer has. */
  #isHeld(peer: Peer, index: number): boolean {
    const asked = this.#asked.get(peer)
    if (!asked?.has(index)) return false
    let left = this.#held
    for (const other of asked) {
      if (other === index) return true
      if (this.#options.source.countCopies(other) > 0) asked.delete(other)
      else if (--left === 0) return false
    }
    return false
  }

  /** A peer was choked or has left: its suggestions may be suggested to others. */
  removePeer(peer: Peer): void {
    for (const indexes of [this.#waiting.get(peer), this.#asked.get(peer)]) {
      for (const index of indexes ?? []) {
        this.#taken.delete(index)
        if (this.#options.source.countCopies(index) === 0) this.#fresh?.push(index)
      }
    }
    this.#waiting.delete(peer)
    this.#asked.delete(peer)
  }

  #of(map: Map<Peer, Set<number>>, peer: Peer): Set<number> {
    const indexes = map.get(peer) ?? new Set()
    map.set(peer, indexes)
    return indexes
  }

  #shuffled(): number[] {
    const { pieceCount, random } = this.#options
    return shuffled(
      Array.from({ length: pieceCount }, (_, index) => index),
      random,
    )
  }
}
