import { Bitfield } from '../codec/bitfield.ts'

/** Pieces at most that a peer may name as allowed fast, or suggest, at a time; later ones are not listened to. */
const MAX_NAMED = 100

/**
 * What one peer has, and what of that may be asked for now.
 *
 * While it chokes us that is what it allows anyhow (BEP 6), otherwise all; in both cases without the pieces
 * that it refused, until it unchokes us again.
 */
export class Offer {
  /** What the peer has. */
  bits: Bitfield
  /** Grows when more of it may be asked for than before. */
  version = 0
  /** How many pieces it has that we want. */
  useful = 0
  readonly #wants: (index: number) => boolean
  readonly #allowed = new Set<number>()
  readonly #suggested = new Set<number>()
  readonly #refused = new Set<number>()

  constructor(pieceCount: number, wants: (index: number) => boolean) {
    this.bits = new Bitfield(pieceCount)
    this.#wants = wants
  }

  /** Whether this piece may be asked for. */
  has(index: number, choking: boolean): boolean {
    return (
      this.bits.has(index) &&
      (!choking || this.#allowed.has(index)) &&
      (this.#refused.size === 0 || !this.#refused.has(index))
    )
  }

  /** Whether anything may be asked for at all while it chokes us. */
  get allows(): boolean {
    return this.#allowed.size > 0
  }

  /** Which pieces to prefer; while it chokes us, the only ones. The latest suggestion comes first. */
  named(choking: boolean): number[] {
    const named = choking ? [...this.#allowed] : [...this.#suggested].reverse()
    return named.filter(index => this.has(index, choking))
  }

  /** Whether nothing is to be left out of what it has. */
  plain(choking: boolean): boolean {
    return !choking && this.#refused.size === 0
  }

  /** The peer has exactly these. */
  set(bits: Bitfield): void {
    this.bits = bits
    this.useful = 0
    for (const index of bits) if (this.#wants(index)) this.useful++
  }

  /** The peer has one more. @returns whether that is new */
  add(index: number): boolean {
    if (!this.bits.add(index)) return false
    if (this.#wants(index)) this.useful++
    return true
  }

  /** The peer has it no longer (BEP 54). @returns whether it had it */
  delete(index: number): boolean {
    if (!this.bits.delete(index)) return false
    if (this.#wants(index)) this.useful--
    return true
  }

  /** We have this piece now. */
  done(index: number): void {
    if (this.bits.has(index)) this.useful--
    this.#suggested.delete(index)
    this.#allowed.delete(index)
  }

  allow(index: number): void {
    if (this.#allowed.size >= MAX_NAMED || !this.#wants(index)) return
    this.#allowed.add(index)
    this.version++
  }

  suggest(index: number): void {
    if (this.#suggested.size < MAX_NAMED && this.#wants(index)) this.#suggested.add(index)
  }

  /** It will not give this piece, though it has it. */
  refuse(index: number, choking: boolean): void {
    if (choking) this.#allowed.delete(index)
    else this.#refused.add(index)
  }

  /** It unchoked us: what it refused may be asked for again. */
  forgive(): void {
    this.#refused.clear()
    this.version++
  }
}
