import { Bitfield } from '../../codec/bitfield.ts'

/** Pieces at most that a peer may name as allowed fast, or suggest, at a time; later ones are ignored. */
const MAX_NAMED = 100
/** Milliseconds for which a piece is not asked for after it was rejected twice; doubled with each further time, to at most: */
const FIRST_REFUSAL_MS = 1_000
const MAX_REFUSAL_MS = 32_000

/** A peer rejected requests for a piece. Ends after a while, or when the peer sends a block of it or unchokes us. */
interface Refusal {
  /** When the last reject came. */
  at: number
  /** For how long the piece is not asked for, in ms; 0 after the first reject. */
  wait: number
}

/**
 * What one peer has, and what of that may be asked for now: all; while it chokes us, what it allows anyhow (BEP 6).
 *
 * A rejected piece may be asked for again at once, as the peer's queue may have been full. Rejected again, it
 * is left out for a second, then two, and so on.
 */
export class PeerPieces {
  /** What the peer has. */
  bits: Bitfield
  /** Grows when more of it may be asked for than before. */
  version = 0
  /** How many pieces it has that we want. */
  usefulCount = 0
  readonly #wants: (index: number) => boolean
  readonly #allowed = new Set<number>()
  readonly #suggested = new Set<number>()
  readonly #refusals = new Map<number, Refusal>()
  /** Pieces that are left out for now. */
  readonly #refused = new Set<number>()

  constructor(pieceCount: number, wants: (index: number) => boolean) {
    this.bits = new Bitfield(pieceCount)
    this.#wants = wants
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

  /** Which pieces to prefer; while it chokes us, the only ones. The latest suggestion comes first. */
  preferredPieces(choking: boolean): number[] {
    const named = choking ? [...this.#allowed] : [...this.#suggested].reverse()
    return named.filter(index => this.has(index, choking))
  }

  /** Returns true if every piece of the peer may be requested. */
  isUnrestricted(choking: boolean): boolean {
    return !choking && this.#refused.size === 0
  }

  /** The peer has exactly these. */
  set(bits: Bitfield): void {
    this.bits = bits
    this.usefulCount = 0
    for (const index of bits) if (this.#wants(index)) this.usefulCount++
  }

  /** Adds a piece that the peer has. @returns true if it is new */
  add(index: number): boolean {
    if (!this.bits.add(index)) return false
    if (this.#wants(index)) this.usefulCount++
    return true
  }

  /** Removes a piece that the peer lost (BEP 54). @returns true if the peer had it */
  delete(index: number): boolean {
    if (!this.bits.delete(index)) return false
    if (this.#wants(index)) this.usefulCount--
    return true
  }

  /** We have this piece now. */
  addOwnPiece(index: number): void {
    if (this.bits.has(index)) this.usefulCount--
    this.#suggested.delete(index)
    this.#allowed.delete(index)
    this.#refusals.delete(index)
    this.#refused.delete(index)
  }

  /** We have this piece no longer. */
  removeOwnPiece(index: number): void {
    if (this.bits.has(index) && this.#wants(index)) this.usefulCount++
  }

  allow(index: number): void {
    if (this.#allowed.size >= MAX_NAMED || !this.#wants(index)) return
    this.#allowed.add(index)
    this.version++
  }

  suggest(index: number): void {
    if (this.#suggested.size < MAX_NAMED && this.#wants(index)) this.#suggested.add(index)
  }

  /** It rejected a request for this piece that was sent at `askedAt`. */
  refuse(index: number, choking: boolean, askedAt: number, now: number): void {
    if (choking) {
      this.#allowed.delete(index)
      return
    }
    const refusal = this.#refusals.get(index)
    if (!refusal) {
      this.#refusals.set(index, { at: now, wait: 0 })
    } else if (askedAt >= refusal.at) {
      // asked after the last reject: otherwise this one says nothing new
      refusal.at = now
      refusal.wait = Math.min(2 * refusal.wait || FIRST_REFUSAL_MS, MAX_REFUSAL_MS)
      this.#refused.add(index)
    }
  }

  /** It sent a block of this piece, so it does not refuse the piece. */
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

  /** It unchoked us: what it refused may be asked for again. */
  clearRefusals(): void {
    this.#refusals.clear()
    this.#refused.clear()
    this.version++
  }
}
