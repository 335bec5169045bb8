import type { Bitfield } from '../../codec/bitfield.ts'
import type { Cursors } from './cursors.ts'

export interface PickerOptions {
  readonly pieceCount: number
  /** Returns true for a wanted piece. @default all */
  readonly wanted?: (index: number) => boolean
  /** True to pick the lowest index first. @default false: the rarest first */
  readonly sequential?: boolean
  /** The positions of readers: the pieces that they need soon come first. */
  readonly cursors?: Cursors
  /** True to pick only pieces that readers need soon. @default false */
  readonly onDemand?: boolean
  /** From 0 to below 1; orders pieces that are equally rare. @default Math.random */
  readonly random?: () => number
}

/** The position of a piece that is not open. */
const NO_POSITION = 0xffffffff

/**
 * Chooses the piece to begin next.
 *
 * Inputs: which pieces are wanted, begun and done; the positions of readers; the number of peers that have each piece, without
 * seeds; the pieces of the asking peer; chance among equals.
 *
 * The open pieces are in one array, sorted by the number of peers that have them, and a second array has the borders between
 * equal numbers. A have moves a piece over one border, so its cost does not depend on the number of pieces.
 */
export class Picker {
  /** The number of pieces that are wanted and not begun. */
  left = 0
  readonly #order: Uint32Array
  readonly #position: Uint32Array
  readonly #count: Uint16Array
  /** `#ends[n]`: the end of the pieces that n peers have, in `#order`. */
  readonly #ends: number[] = [0]
  readonly #wanted: Uint8Array
  readonly #done: Uint8Array
  readonly #sequential: boolean
  readonly #cursors: Cursors | undefined
  readonly #onDemand: boolean
  /** The first piece that is wanted and not done. */
  #first = 0
  #version = 0

  constructor(options: PickerOptions) {
    const { pieceCount, wanted = () => true, random = Math.random } = options
    this.#order = new Uint32Array(pieceCount)
    this.#position = new Uint32Array(pieceCount).fill(NO_POSITION)
    this.#count = new Uint16Array(pieceCount)
    this.#wanted = new Uint8Array(pieceCount)
    this.#done = new Uint8Array(pieceCount)
    this.#sequential = options.sequential ?? false
    this.#cursors = options.cursors
    this.#onDemand = options.onDemand ?? false
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

  /** Grows when a peer that found no piece might find one now. */
  get version(): number {
    return this.#version + (this.#cursors?.version ?? 0)
  }

  /** True if the lowest piece comes first. */
  get inOrder(): boolean {
    return this.#sequential || this.#onDemand
  }

  /** Returns the number of peers that have a piece, without seeds. */
  countCopies(index: number): number {
    return this.#count[index]!
  }

  /** True if a piece is wanted and not done. */
  wants(index: number): boolean {
    return this.#wanted[index] === 1 && this.#done[index] === 0
  }

  /** Adds a peer that has these pieces. */
  addPeer(bits: Bitfield): void {
    if (!bits.full) for (const index of bits) this.#more(index)
    this.#version++
  }

  /** Removes a peer that had these pieces. */
  removePeer(bits: Bitfield): void {
    if (!bits.full) for (const index of bits) this.#fewer(index)
  }

  /** Notes a new piece of a peer, which `bits` already has. */
  addCopy(index: number, bits: Bitfield): void {
    this.#version++
    if (!bits.full) this.#more(index)
    else for (const other of bits) if (other !== index) this.#fewer(other)
  }

  /** Notes a lost piece of a peer, which `bits` no longer has. */
  removeCopy(index: number, bits: Bitfield): void {
    if (bits.count < bits.size - 1) this.#fewer(index)
    else for (const other of bits) this.#more(other) // it was a seed, which is not counted
  }

  /** True if a piece may be begun: it is wanted and not active, and on demand a reader needs it soon. */
  isOpen(index: number): boolean {
    if (this.#position[index] === NO_POSITION || index >= this.#position.length) return false
    return !this.#onDemand || this.#cursors!.distanceTo(index) >= 0
  }

  /**
   * Returns the piece to begin with a peer that has `bits`, or -1: pieces that readers need soon come first, then the rarest.
   * @param lead the pieces by which a reader advances until this peer has sent one
   */
  pick(bits: Bitfield, avoid?: (index: number) => boolean, lead = 0): number {
    const fits = (index: number) =>
      this.#position[index] !== NO_POSITION && bits.has(index) && !avoid?.(index)
    const soon = this.#cursors?.findPiece(fits, lead) ?? -1
    if (soon >= 0 || this.#onDemand) return soon
    if (this.#sequential) return this.#pickInOrder(fits)
    // the pieces before `ends[0]` are those that seeds alone have, and this peer is no seed
    for (let at = bits.full ? 0 : this.#ends[0]!; at < this.left; at++) {
      const index = this.#order[at]!
      if (bits.has(index) && !avoid?.(index)) return index
    }
    return -1
  }

  /** Removes a piece from those to begin. */
  begin(index: number): void {
    if (this.#position[index] === NO_POSITION) return
    for (let count = this.#count[index]!; count < this.#ends.length; count++) this.#up(index, count)
    this.left--
    this.#position[index] = NO_POSITION
  }

  /** Puts back a piece that was begun. */
  putBack(index: number): void {
    if (this.#position[index] !== NO_POSITION || !this.wants(index)) return
    this.#version++
    this.#order[this.left] = index
    this.#position[index] = this.left++
    const count = this.#count[index]!
    this.#ends[this.#ends.length - 1]!++
    for (let at = this.#ends.length - 1; at > count; at--) this.#down(index, at)
  }

  /** Notes a stored piece. */
  markDone(index: number): void {
    this.begin(index)
    this.#done[index] = 1
    if (index === this.#first) this.#advance()
  }

  /** Notes a lost piece, which is wanted again. */
  markMissing(index: number): void {
    if (this.#done[index] === 0) return
    this.#done[index] = 0
    if (index < this.#first) this.#first = index
    this.putBack(index)
  }

  #advance(): void {
    while (this.#first < this.#done.length && !this.wants(this.#first)) this.#first++
    this.#version++
  }

  #pickInOrder(fits: (index: number) => boolean): number {
    for (let index = this.#first; index < this.#done.length; index++) if (fits(index)) return index
    return -1
  }

  #more(index: number): void {
    const count = this.#count[index]!++
    while (this.#ends.length <= count + 1) this.#ends.push(this.left)
    if (this.#position[index] !== NO_POSITION) this.#up(index, count)
  }

  #fewer(index: number): void {
    const count = this.#count[index]!--
    if (this.#position[index] !== NO_POSITION) this.#down(index, count)
  }

  /** Moves a piece that `count` peers have to the next number: swaps it with the last of them and moves the border. */
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
