import { Bitfield } from '../../codec/bitfield.ts'
import type { BlockSource } from '../block-source.ts'

/** Maximum allowed-fast pieces, and suggested pieces, of a peer. Later ones are ignored. */
const MAX_NAMED = 100
/** Milliseconds without requests for a piece after two rejects, doubled with each further reject, and the maximum. */
const FIRST_REFUSAL_MS = 1_000
const MAX_REFUSAL_MS = 32_000

/** Rejected requests for a piece. Ends after a time, or when the peer sends a block of it or unchokes us. */
interface RejectedRequests {
  /** The time of the last reject. */
  at: number
  /** Milliseconds without requests for the piece; 0 after the first reject. */
  wait: number
}

/**
 * The pieces of one peer, and which of them may be requested now: all; while it chokes us, those that it allows (BEP 6).
 *
 * A piece may be requested again after one reject, as the peer's queue may have been full. After the next reject it is left
 * out for a second, then two, and so on.
 */
export class PeerPieces {
  /** The pieces that the peer has. */
  bits: Bitfield
  /** Grows when more pieces may be requested than before. */
  version = 0
  /** The number of its pieces that we want. */
  usefulCount = 0
  readonly #source: Pick<BlockSource, 'wants'>
  readonly #allowed = new Set<number>()
  readonly #suggested = new Set<number>()
  readonly #refusals = new Map<number, RejectedRequests>()
  /** Pieces that are left out for now. */
  readonly #refused = new Set<number>()

  constructor(pieceCount: number, source: Pick<BlockSource, 'wants'>) {
    this.bits = new Bitfield(pieceCount)
    this.#source = source
  }

  /** Returns true if a piece may be requested. */
  has(index: number, choking: boolean): boolean {
    return (
      this.bits.has(index) &&
      (!choking || this.#allowed.has(index)) &&
      (this.#refused.size === 0 || !this.#refused.has(index))
    )
  }

  /** True if any piece may be requested while the peer chokes us. */
  get hasAllowed(): boolean {
    return this.#allowed.size > 0
  }

  /** Returns the pieces to prefer; while it chokes us, the only ones. The latest suggestion comes first. */
  preferredPieces(choking: boolean): number[] {
    const named = choking ? [...this.#allowed] : [...this.#suggested].reverse()
    return named.filter(index => this.has(index, choking))
  }

  /** Returns true if every piece of the peer may be requested. */
  isUnrestricted(choking: boolean): boolean {
    return !choking && this.#refused.size === 0
  }

  /** Sets the pieces that the peer has. */
  set(bits: Bitfield): void {
    this.bits = bits
    this.usefulCount = 0
    for (const index of bits) if (this.#source.wants(index)) this.usefulCount++
  }

  /** Counts again which of its pieces we want. */
  recountUseful(): void {
    this.set(this.bits)
    this.version++
  }

  /** Adds a piece that the peer has. @returns true if it is new */
  add(index: number): boolean {
    if (!this.bits.add(index)) return false
    if (this.#source.wants(index)) this.usefulCount++
    return true
  }

  /** Removes a piece that the peer lost (BEP 54). @returns true if the peer had it */
  delete(index: number): boolean {
    if (!this.bits.delete(index)) return false
    if (this.#source.wants(index)) this.usefulCount--
    return true
  }

  /** Notes that we have this piece now. */
  addOwnPiece(index: number): void {
    if (this.bits.has(index)) this.usefulCount--
    this.#suggested.delete(index)
    this.#allowed.delete(index)
    this.#refusals.delete(index)
    this.#refused.delete(index)
  }

  /** Notes that we lost this piece. */
  removeOwnPiece(index: number): void {
    if (this.bits.has(index) && this.#source.wants(index)) this.usefulCount++
  }

  allow(index: number): void {
    if (this.#allowed.size >= MAX_NAMED || !this.#source.wants(index)) return
    this.#allowed.add(index)
    this.version++
  }

  suggest(index: number): void {
    if (this.#suggested.size < MAX_NAMED && this.#source.wants(index)) this.#suggested.add(index)
  }

  /** Notes a reject of a request for this piece that was sent at `askedAt`. */
  refuse(index: number, choking: boolean, askedAt: number, now: number): void {
    if (choking) {
      this.#allowed.delete(index)
      return
    }
    const refusal = this.#refusals.get(index)
    if (!refusal) {
      this.#refusals.set(index, { at: now, wait: 0 })
    } else if (askedAt >= refusal.at) {
      // an older request was sent before the last reject, and adds no information
      refusal.at = now
      refusal.wait = Math.min(2 * refusal.wait || FIRST_REFUSAL_MS, MAX_REFUSAL_MS)
      this.#refused.add(index)
    }
  }

  /** Notes a block of this piece, which ends a refusal. */
  noteBlock(index: number): void {
    if (this.#refusals.size > 0 && this.#refusals.delete(index) && this.#refused.delete(index)) this.version++
  }

  /** Ends refusals that expired. Called at intervals. @returns true if more pieces may be requested than before */
  expireRefusals(now: number): boolean {
    const { version } = this
    for (const [index, { at, wait }] of this.#refusals) {
      if (now - at >= wait && this.#refused.delete(index)) this.version++
      if (now - at > 2 * MAX_REFUSAL_MS) this.#refusals.delete(index)
    }
    return this.version > version
  }

  /** Ends all refusals, as the peer unchoked us. */
  clearRefusals(): void {
    this.#refusals.clear()
    this.#refused.clear()
    this.version++
  }
}
