import type { Bitfield } from '../codec/bitfield.ts'

export interface PickerOptions {
  readonly pieceCount: number
  /** Which pieces are wanted. @default all */
  readonly wanted?: (index: number) => boolean
  /** Lowest index first, at most this many pieces ahead of the first that is missing. @default rarest first */
  readonly sequential?: number
  /** From 0 to below 1; orders pieces that are equally rare. @default Math.random */
  readonly random?: () => number
}

const NOWHERE = 0xffffffff

/**
 * Which piece to begin next.
 *
 * Depends on: which pieces are wanted, begun and done; how many peers have each (seeds counted apart, as
 * they make no difference between pieces); what the asking peer has; chance, where these are equal.
 *
 * The pieces that could be begun stand in one array sorted by how many have them, with the borders between
 * equals kept aside: a have moves a piece over one border, so it costs the same for a hundred thousand.
 */
export class Picker {
  /** Pieces that are wanted and not begun. */
  left = 0
  /** Grows when a peer that found nothing might find something now. */
  version = 0
  readonly #order: Uint32Array
  readonly #position: Uint32Array
  readonly #count: Uint16Array
  /** `#ends[n]`: where the pieces that n peers have end, in `#order`. */
  readonly #ends: number[] = [0]
  readonly #wanted: Uint8Array
  readonly #done: Uint8Array
  readonly #sequential: number | undefined
  /** The first piece that is wanted and not done. */
  #first = 0

  constructor({ pieceCount, wanted = () => true, sequential, random = Math.random }: PickerOptions) {
    this.#order = new Uint32Array(pieceCount)
    this.#position = new Uint32Array(pieceCount).fill(NOWHERE)
    this.#count = new Uint16Array(pieceCount)
    this.#wanted = new Uint8Array(pieceCount)
    this.#done = new Uint8Array(pieceCount)
    this.#sequential = sequential
    for (let index = 0; index < pieceCount; index++) {
      if (!wanted(index)) continue
      this.#wanted[index] = 1
      const other = Math.floor(random() * (this.left + 1))
      this.#order[this.left] = this.#order[other]!
      this.#order[other] = index
      this.left++
    }
    for (let at = 0; at < this.left; at++) this.#position[this.#order[at]!] = at
    this.#ends[0] = this.left
    this.#advance()
  }

  /** Whether the lowest piece comes first. */
  get inOrder(): boolean {
    return this.#sequential !== undefined
  }

  /** How many peers that are no seeds have this piece. */
  copies(index: number): number {
    return this.#count[index]!
  }

  /** Whether this piece is wanted and not done. */
  wants(index: number): boolean {
    return this.#wanted[index] === 1 && this.#done[index] === 0
  }

  /** A peer came that has these. */
  join(bits: Bitfield): void {
    if (!bits.full) for (const index of bits) this.#more(index)
    this.version++
  }

  /** A peer went that had these. */
  leave(bits: Bitfield): void {
    if (!bits.full) for (const index of bits) this.#fewer(index)
  }

  /** A peer has one more: `bits` has it already. */
  gain(index: number, bits: Bitfield): void {
    this.version++
    if (!bits.full) this.#more(index)
    else for (const other of bits) if (other !== index) this.#fewer(other)
  }

  /** A peer has one less: `bits` has it no longer. */
  lose(index: number, bits: Bitfield): void {
    if (bits.count < bits.size - 1) this.#fewer(index)
    else for (const other of bits) this.#more(other) // it was a seed, counted apart
  }

  /** Whether this piece is wanted and not begun; in order, also not too far ahead. */
  open(index: number): boolean {
    const ahead = this.#sequential ?? this.#done.length
    return this.#position[index] !== NOWHERE && index < this.#first + ahead
  }

  /** The piece to begin with a peer that has `bits`, or -1. Rarest first. */
  pick(bits: Bitfield, avoid?: (index: number) => boolean): number {
    if (this.#sequential !== undefined) return this.#pickInOrder(bits, this.#sequential, avoid)
    // what only seeds have is of no use to somebody who is none
    for (let at = bits.full ? 0 : this.#ends[0]!; at < this.left; at++) {
      const index = this.#order[at]!
      if (bits.has(index) && !avoid?.(index)) return index
    }
    return -1
  }

  /** A piece is under way. */
  begin(index: number): void {
    if (this.#position[index] === NOWHERE) return
    for (let count = this.#count[index]!; count < this.#ends.length; count++) this.#up(index, count)
    this.left--
    this.#position[index] = NOWHERE
  }

  /** A piece that was begun is to be begun again. */
  again(index: number): void {
    if (this.#position[index] !== NOWHERE || !this.wants(index)) return
    this.version++
    this.#order[this.left] = index
    this.#position[index] = this.left++
    const count = this.#count[index]!
    this.#ends[this.#ends.length - 1]!++
    for (let at = this.#ends.length - 1; at > count; at--) this.#down(index, at)
  }

  /** A piece is at rest. */
  finish(index: number): void {
    this.begin(index)
    this.#done[index] = 1
    if (index === this.#first) this.#advance()
  }

  #advance(): void {
    while (this.#first < this.#done.length && !this.wants(this.#first)) this.#first++
    this.version++
  }

  #pickInOrder(bits: Bitfield, ahead: number, avoid?: (index: number) => boolean): number {
    const end = Math.min(this.#done.length, this.#first + ahead)
    for (let index = this.#first; index < end; index++) {
      if (this.#position[index] !== NOWHERE && bits.has(index) && !avoid?.(index)) return index
    }
    return -1
  }

  #more(index: number): void {
    const count = this.#count[index]!++
    while (this.#ends.length <= count + 1) this.#ends.push(this.left)
    if (this.#position[index] !== NOWHERE) this.#up(index, count)
  }

  #fewer(index: number): void {
    const count = this.#count[index]!--
    if (this.#position[index] !== NOWHERE) this.#down(index, count)
  }

  /** From among those that `count` have to the next: swaps with the last of them and moves the border. */
  #up(index: number, count: number): void {
    this.#swap(index, --this.#ends[count]!)
  }

  #down(index: number, count: number): void {
    this.#swap(index, this.#ends[count - 1]!++)
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
