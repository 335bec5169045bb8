import { shuffled } from '../../ports/random.ts'
import type { SuggestedPeer } from '../peer/peer-context.ts'
import { UploadGauge } from './upload-gauge.ts'

export interface SuggestionsOptions {
  readonly pieceCount: number
  /** Bytes of each piece but the last. */
  readonly pieceLength: number
  /** How many peers that are no seeds have a piece. */
  readonly copies: (index: number) => number
  /** From 0 to below 1. */
  readonly random: () => number
}

/** Bytes that a peer is to have suggestions for: as much as it may ask for before it hears of the next. */
const AHEAD = 1 << 18
const FEWEST = 2
/** Bytes of pieces that are left to one peer while others wait, and pieces at least. */
const HELD_BYTES = 1 << 20
const FEWEST_HELD = 4
/** Milliseconds that a peer is left without anything for the sake of others: fewer than it waits before it gives us up. */
const PATIENCE = 8000
/** Milliseconds that a piece is left to the first who asked for it, while others get something else. */
const LONGEST = 60_000

/**
 * Which pieces a seed suggests to whom, so that it does not send to two what one could give the other (BEP 6).
 *
 * Depends on: which pieces no peer but seeds has; which were suggested to, or asked for by, somebody who is still
 * here, and when; what the peer has asked for of what it was suggested, and how long it waits, or whoever has asked first; the bytes
 * sent of late; chance.
 *
 * Others wait for a piece only while the upload is saturated, so that what they do not get goes to another peer at once;
 * for a peer that takes what it asks for, and for a few pieces of each.
 *
 * Each piece is suggested once, to one peer. A piece that somebody has is left to the peers themselves: they pick
 * the rarest first. So a swarm in which every piece is about hears nothing from us.
 */
export class Suggestions<Peer extends SuggestedPeer> {
  readonly #options: SuggestionsOptions
  readonly #stock: number
  readonly #held: number
  readonly #gauge = new UploadGauge()
  /** Pieces that were suggested to nobody, by chance. */
  #fresh: number[] | undefined
  /** What each was suggested and has not asked for, and what it has asked for. */
  readonly #waiting = new Map<Peer, Set<number>>()
  readonly #asked = new Map<Peer, Set<number>>()
  /** Who was suggested a piece, or asked for it, first, and when. */
  readonly #taken = new Map<number, { readonly peer: Peer; readonly at: number }>()

  constructor(options: SuggestionsOptions) {
    this.#options = options
    this.#stock = Math.max(FEWEST, Math.ceil(AHEAD / options.pieceLength))
    this.#held = Math.max(FEWEST_HELD, Math.ceil(HELD_BYTES / options.pieceLength))
  }

  /** So many bytes were sent so far, to all peers. To be called now and then. */
  tick(uploaded: number, now: number): void {
    this.#gauge.update(uploaded, now)
  }

  /** What to suggest to this peer now. @param has what it has */
  next(peer: Peer, has: (index: number) => boolean, now: number): number[] {
    const waiting = this.#of(this.#waiting, peer)
    const fresh = (this.#fresh ??= this.#shuffled())
    const chosen: number[] = []
    while (waiting.size < this.#stock && fresh.length > 0) {
      const index = fresh.pop()!
      if (this.#taken.has(index) || this.#options.copies(index) > 0 || has(index)) continue
      waiting.add(index)
      this.#taken.set(index, { peer, at: now })
      chosen.push(index)
    }
    return chosen
  }

  /** This peer asks for a piece. @returns whether it is time for `next` */
  asked(peer: Peer, index: number, now: number): boolean {
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

  /** Whether this peer's requests for a piece are to wait: another fetches it, and may give it on. */
  later(peer: Peer, index: number, now: number): boolean {
    if (!this.#gauge.saturated) return false // there is upload to spare
    const taken = this.#taken.get(index)
    if (!taken || taken.peer === peer) return false
    if (now - peer.waitsSince >= PATIENCE || now - taken.at >= LONGEST) return false
    if (now - taken.peer.waitsSince >= PATIENCE) return false // nor for somebody who does not take it
    const { sending, waiting } = taken.peer.responder
    if (!sending && waiting === 0) return false // it has what it asked for: nobody is to wait for nothing
    // what somebody has is no longer waited for: where everybody shares, the request is cancelled by then
    return this.#options.copies(index) === 0 && this.#isHeld(taken.peer, index)
  }

  /** Whether a piece is one of the first that a peer asked for of those that no other has. */
  #isHeld(peer: Peer, index: number): boolean {
    const asked = this.#asked.get(peer)
    if (!asked?.has(index)) return false
    let left = this.#held
    for (const other of asked) {
      if (other === index) return true
      if (this.#options.copies(other) > 0) asked.delete(other)
      else if (--left === 0) return false
    }
    return false
  }

  /** This peer is choked, or gone: what it was suggested and does not have may be suggested to others. */
  left(peer: Peer): void {
    for (const indexes of [this.#waiting.get(peer), this.#asked.get(peer)]) {
      for (const index of indexes ?? []) {
        this.#taken.delete(index)
        if (this.#options.copies(index) === 0) this.#fresh?.push(index)
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
