import type { Bitfield } from '../../codec/bitfield.ts'
import type { Cursors } from './cursors.ts'
import { NO_POSITION, RarityOrder } from './rarity-order.ts'

export interface PickerOptions {
  readonly pieceCount: number
  /** Returns true for a wanted piece. @default all */
  readonly wanted?: (index: number) => boolean
  /** Returns the priority of a wanted piece. @default normal */
  readonly priority?: ((index: number) => PiecePriority) | undefined
  /** True to pick the lowest index first. @default false: the rarest first */
  readonly sequential?: boolean
  /** The positions of readers: the pieces that they need soon come first. */
  readonly cursors?: Cursors
  /** True to pick only pieces that readers need soon. @default false */
  readonly onDemand?: boolean
  /** Returns the other pieces with the content of a piece, which are not begun while it is active. @default none */
  readonly twinsOf?: ((index: number) => readonly number[]) | undefined
  /** From 0 to below 1; orders pieces that are equally rare. @default Math.random */
  readonly random?: () => number
}

/** The priority of a wanted piece: low, normal or high. A higher one comes first. */
export type PiecePriority = 1 | 2 | 3

export const NORMAL_PRIORITY = 2
const HIGHEST_PRIORITY = 3

/**
 * Chooses the piece to begin next.
 *
 * Inputs: which pieces are wanted, begun and done, and their priorities; the positions of readers; the number of peers that have
 * each piece, without seeds; the pieces of the asking peer; chance among equals.
 */
export class Picker {
  readonly #position: Uint32Array
  readonly #count: Uint16Array
  /** The open pieces of each priority. A piece has a place in one of them. */
  readonly #orders: (RarityOrder | undefined)[] = []
  /** The priority of each piece; 0 for one that is not wanted. */
  readonly #priority: Uint8Array
  readonly #done: Uint8Array
  #sequential: boolean
  readonly #cursors: Cursors | undefined
  readonly #onDemand: boolean
  readonly #random: () => number
  readonly #twinsOf: (index: number) => readonly number[]
  /** Open pieces that wait for an active twin, which fills them when it is stored. */
  readonly #held = new Set<number>()
  /** The first piece that is wanted and not done. */
  #first = 0
  #version = 0

  constructor(options: PickerOptions) {
    const {
      pieceCount,
      priority = () => NORMAL_PRIORITY,
      wanted = () => true,
      random = Math.random,
    } = options
    this.#position = new Uint32Array(pieceCount).fill(NO_POSITION)
    this.#count = new Uint16Array(pieceCount)
    this.#priority = new Uint8Array(pieceCount)
    this.#done = new Uint8Array(pieceCount)
    this.#sequential = options.sequential ?? false
    this.#cursors = options.cursors
    this.#onDemand = options.onDemand ?? false
    this.#random = random
    this.#twinsOf = options.twinsOf ?? (() => [])
    this.setPriorities(index => (wanted(index) ? priority(index) : 0))
  }

  /** The number of pieces that are wanted and not begun. */
  get left(): number {
    return this.#orders.reduce((sum, order) => sum + (order?.left ?? 0), 0)
  }

  /** Changes which pieces are wanted, and their priorities. A piece that was begun stays begun. */
  setPriorities(priorityOf: (index: number) => PiecePriority | 0): void {
    const changed: number[] = []
    for (const [index, before] of this.#priority.entries()) {
      const priority = priorityOf(index)
      if (priority === before) continue
      const isOpen = this.#position[index] !== NO_POSITION
      if (isOpen) this.#orders[before]!.remove(index)
      this.#priority[index] = priority
      // one that is wanted already, and not open, is active
      if (this.#done[index] === 0 && (isOpen || before === 0)) changed.push(index)
    }
    this.#openAll(changed.filter(index => this.#priority[index]! > 0))
    this.#first = 0
    this.#advance()
  }

  /** Changes the order: the lowest piece first, or the rarest. */
  set sequential(sequential: boolean) {
    this.#sequential = sequential
    this.#version++
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
    return this.#priority[index]! > 0 && this.#done[index] === 0
  }

  /** Adds a peer that has these pieces. */
  addPeer(bits: Bitfield): void {
    if (!bits.full) for (const index of bits) this.#countCopy(index)
    this.#version++
  }

  /** Removes a peer that had these pieces. */
  removePeer(bits: Bitfield): void {
    if (!bits.full) for (const index of bits) this.#uncountCopy(index)
  }

  /** Notes a new piece of a peer, which `bits` already has. */
  addCopy(index: number, bits: Bitfield): void {
    this.#version++
    if (!bits.full) this.#countCopy(index)
    else for (const other of bits) if (other !== index) this.#uncountCopy(other)
  }

  /** Notes a lost piece of a peer, which `bits` no longer has. */
  removeCopy(index: number, bits: Bitfield): void {
    if (bits.count < bits.size - 1) this.#uncountCopy(index)
    else for (const other of bits) this.#countCopy(other) // it was a seed, which is not counted
  }

  /** True if a piece may be begun: it is wanted and not active, and on demand a reader needs it soon. */
  isOpen(index: number): boolean {
    if (this.#position[index] === NO_POSITION || index >= this.#position.length) return false
    return !this.#onDemand || this.#cursors!.distanceTo(index) >= 0
  }

  /** True if no open piece has a higher priority. */
  isUrgent(index: number): boolean {
    for (let priority = HIGHEST_PRIORITY; priority > this.#priority[index]!; priority--)
      if (this.#orders[priority]?.left) return false
    return true
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
    for (let priority = HIGHEST_PRIORITY; priority > 0; priority--) {
      const order = this.#orders[priority]
      if (!order || order.left === 0) continue
      const index = this.#sequential ? this.#pickInOrder(priority, fits) : order.find(bits, avoid)
      if (index >= 0) return index
    }
    return -1
  }

  /** Removes a piece, and its twins, from those to begin. */
  begin(index: number): void {
    this.#close(index)
    for (const twin of this.#twinsOf(index)) if (this.#close(twin)) this.#held.add(twin)
  }

  /** Puts back a piece that was begun. */
  putBack(index: number): void {
    this.#release(index)
    this.#reopen(index)
  }

  /** Notes a stored piece. */
  markDone(index: number): void {
    this.#close(index)
    this.#held.delete(index)
    this.#done[index] = 1
    this.#release(index)
    if (index === this.#first) this.#advance()
  }

  /** Notes a lost piece, which is wanted again. */
  markMissing(index: number): void {
    if (this.#done[index] === 0) return
    this.#done[index] = 0
    if (index < this.#first) this.#first = index
    this.putBack(index)
  }

  /** @returns false if the piece was not open */
  #close(index: number): boolean {
    if (this.#position[index] === NO_POSITION) return false
    this.#orders[this.#priority[index]!]!.remove(index)
    return true
  }

  #reopen(index: number): void {
    if (this.#position[index] !== NO_POSITION || !this.wants(index)) return
    this.#version++
    this.#orderOf(this.#priority[index]!).add(index)
  }

  /** Opens the twins that waited for a piece. */
  #release(index: number): void {
    if (this.#held.size === 0) return
    for (const twin of this.#twinsOf(index)) if (this.#held.delete(twin)) this.#reopen(twin)
  }

  #advance(): void {
    while (this.#first < this.#done.length && !this.wants(this.#first)) this.#first++
    this.#version++
  }

  #pickInOrder(priority: number, fits: (index: number) => boolean): number {
    for (let index = this.#first; index < this.#done.length; index++)
      if (this.#priority[index] === priority && fits(index)) return index
    return -1
  }

  /** Opens pieces in random order, which decides among equals. */
  #openAll(pieces: number[]): void {
    for (let at = pieces.length - 1; at >= 0; at--) {
      const other = Math.floor(this.#random() * (at + 1))
      const index = pieces[other]!
      pieces[other] = pieces[at]!
      this.#orderOf(this.#priority[index]!).add(index)
    }
  }

  #orderOf(priority: number): RarityOrder {
    return (this.#orders[priority] ??= new RarityOrder(this.#position, this.#count))
  }

  #countCopy(index: number): void {
    const count = this.#count[index]!++
    if (this.#position[index] !== NO_POSITION) this.#orders[this.#priority[index]!]!.raise(index, count)
  }

  #uncountCopy(index: number): void {
    const count = this.#count[index]!--
    if (this.#position[index] !== NO_POSITION) this.#orders[this.#priority[index]!]!.lower(index, count)
  }
}
