import type { Bitfield } from '../../codec/bitfield.ts'

/** The position of a piece that is not open. */
export const NO_POSITION = 0xffffffff

/**
 * Open pieces in the order of the number of peers that have them.
 *
 * They are in one array, and a second array has the borders between equal numbers. A have moves a piece over one border, so its
 * cost does not depend on the number of pieces. Several orders may share the counts and positions: a piece is in one of them.
 */
export class RarityOrder {
  /** The number of pieces in the order. */
  left = 0
  readonly #order: Uint32Array
  readonly #position: Uint32Array
  readonly #count: Uint16Array
  /** `#ends[n]`: the end of the pieces that n peers have, in `#order`. */
  readonly #ends: number[] = [0]

  /**
   * @param position where each piece is, or NO_POSITION
   * @param count the number of peers that have each piece
   */
  constructor(position: Uint32Array, count: Uint16Array) {
    this.#order = new Uint32Array(position.length)
    this.#position = position
    this.#count = count
  }

  /** Adds a piece, behind those that as many peers have. */
  add(index: number): void {
    const count = this.#count[index]!
    this.#cover(count)
    this.#order[this.left] = index
    this.#position[index] = this.left++
    this.#ends[this.#ends.length - 1]!++
    for (let at = this.#ends.length - 1; at > count; at--) this.lower(index, at)
  }

  /** Removes a piece. */
  remove(index: number): void {
    this.#cover(this.#count[index]!)
    for (let count = this.#count[index]!; count < this.#ends.length; count++)
      this.#swap(index, --this.#ends[count]!)
    this.left--
    this.#position[index] = NO_POSITION
  }

  /** Moves a piece that `count` peers had to the next number: swaps it with the last of them and moves the border. */
  raise(index: number, count: number): void {
    this.#cover(count + 1)
    this.#swap(index, --this.#ends[count]!)
  }

  /** Moves a piece that `count` peers had to the number before. */
  lower(index: number, count: number): void {
    this.#cover(count)
    this.#swap(index, this.#ends[count - 1]!++)
  }

  /** Returns the first piece in `bits` that is not avoided, or -1. */
  find(bits: Bitfield, avoid?: (index: number) => boolean): number {
    // the pieces before `ends[0]` are those that seeds alone have
    for (let at = bits.full ? 0 : this.#ends[0]!; at < this.left; at++) {
      const index = this.#order[at]!
      if (bits.has(index) && !avoid?.(index)) return index
    }
    return -1
  }

  /** Makes borders up to this number. */
  #cover(count: number): void {
    while (this.#ends.length <= count) this.#ends.push(this.left)
  }

  #swap(index: number, to: number): void {
    const from = this.#position[index]!
    const other = this.#order[to]!
    this.#order[from] = other
    this.#position[other] = from
    this.#order[to] = index
    this.#position[index] = to
  }
}
