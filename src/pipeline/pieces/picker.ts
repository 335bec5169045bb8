import type { Bitfield } from '../../codec/bitfield.ts'
import type { Cursors } from './cursors.ts'

export interface PickerOptions {
  readonly pieceCount: number
  /** Which pieces are wanted. @default all */
  readonly wanted?: (index: number) => boolean
  /** Lowest index first. @default false: rarest first */
  readonly sequential?: boolean
  /** What readers need soon: that comes before all else. */
  readonly cursors?: Cursors
  /** Nothing is begun but what readers need soon. @default false */
  readonly onDemand?: boolean
  /** From 0 to below 1; orders pieces that are equally rare. @default Math.random */
  readonly random?: () => number
}

/** The position of a piece that is not among those to begin. */
const NO_POSITION = 0xffffffff

/**
 * Chooses the piece to begin next.
 *
 * Inputs: which pieces are wanted, begun and done; where readers are; how many peers have each (seeds counted
 * apart, as they make no difference between pieces); what the asking peer has; chance, where these are equal.
 *
 * The pieces that could be begun stand in one array sorted by how many have them, with the borders between
 * equals kept aside: a have moves a piece over one border, so it costs the same for a hundred thousand.
 */
export class Picker {
  /** Pieces that are wanted and not begun. */
  left = 0
  readonly #order: Uint32Array
  readonly #position: Uint32Array
  readonly #count: Uint16Array
  /** `#ends[n]`: where the pieces that n peers have end, in `#order`. */
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

  /** Grows when a peer that found nothing might find something now. */
  get version(): number {
    return this.#version + (this.#cursors?.version ?? 0)
  }

  /** True if the lowest piece comes first. */
  get inOrder(): boolean {
    return this.#sequential || this.#onDemand
  }

  /** The number of peers without all pieces that have this one. */
  countCopies(index: number): number {
    return this.#count[index]!
  }

  /** True if this piece is wanted and not at rest. */
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

  /** Notes that a peer has one more piece: `bits` has it already. */
  addCopy(index: number, bits: Bitfield): void {
    this.#version++
    if (!bits.full) this.#more(index)
    else for (const other of bits) if (other !== index) this.#fewer(other)
  }

  /** Notes that a peer has lost a piece: `bits` does not have it. */
  removeCopy(index: number, bits: Bitfield): void {
    if (bits.count < bits.size - 1) this.#fewer(index)
    else for (const other of bits) this.#more(other) // it was a seed, counted apart
  }

  /** True if this piece may be begun: it is wanted and not under way, and on demand a reader needs it soon. */
  isOpen(index: number): boolean {
    if (this.#position[index] === NO_POSITION || index >= this.#position.length) return false
    return !this.#onDemand || this.#cursors!.distanceTo(index) >= 0
  }

  /**
   * Returns the piece to begin with a peer that has `bits`, or -1: what readers need soon, then the rarest.
   * @param lead pieces that a reader goes on until this peer has brought one
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

  /** Takes a piece out of those to begin. */
  begin(index: number): void {
    if (this.#position[index] === NO_POSITION) return
    for (let count = this.#count[index]!; count < this.#ends.length; count++) this.#up(index, count)
    this.left--
    this.#position[index] = NO_POSITION
  }

  /** Puts a piece back that was begun. */
  putBack(index: number): void {
    if (this.#position[index] !== NO_POSITION || !this.wants(index)) return
    this.#version++
    this.#order[this.left] = index
    this.#position[index] = this.left++
    const count = this.#count[index]!
    this.#ends[this.#ends.length - 1]!++
    for (let at = this.#ends.length - 1; at > count; at--) this.#down(index, at)
  }

  /** Notes that a piece is at rest. */
  markDone(index: number): void {
    this.begin(index)
    this.#done[index] = 1
    if (index === this.#first) this.#advance()
  }

  /** Notes that a piece was lost: it is wanted as before. */
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
