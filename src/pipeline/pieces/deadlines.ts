import type { Cursors } from './cursors.ts'
import { PieceRate } from './piece-rate.ts'

/** Milliseconds between two searches for the pieces that readers wait for. */
const SEARCH_INTERVAL_MS = 25
/** Milliseconds of reading ahead of a reader that count as awaited: about the time of a block from another peer. */
const AWAITED_MS = 1500

/**
 * Decides which pieces readers need, and by when.
 *
 * Inputs: the positions of readers, and which of them wait; the rate of stored pieces; the mean wait of a peer; the time.
 */
export class Deadlines {
  readonly #cursors: Cursors | undefined
  readonly #pace = new PieceRate()
  #searchedAt = 0

  /** @param cursors the positions of readers; undefined if there are none */
  constructor(cursors: Cursors | undefined) {
    this.#cursors = cursors
  }

  /** True if there is a reader. */
  get hasReaders(): boolean {
    return this.#cursors !== undefined && this.#cursors.size > 0
  }

  /** True if a reader waits for a piece. */
  get isAnyAwaited(): boolean {
    return this.#cursors?.isAwaited ?? false
  }

  /** The piece that each reader needs next. */
  *nextPieces(): Iterable<number> {
    for (const { at } of this.#cursors ?? []) yield at
  }

  /** The pieces that readers wait for. */
  *awaitedPieces(): Iterable<number> {
    for (const { at, waiting } of this.#cursors ?? []) if (waiting) yield at
  }

  /** True if a reader waits for this piece. */
  isAwaited(index: number): boolean {
    for (const awaited of this.awaitedPieces()) if (awaited === index) return true
    return false
  }

  /** Returns the block of a piece that a reader needs first; 0 if no reader needs a later one. */
  firstBlockOf(index: number): number {
    for (const { at, block } of this.#cursors ?? []) if (at === index) return block
    return 0
  }

  /** Returns the expected number of pieces that are stored within this many milliseconds. */
  countPiecesIn(ms: number): number {
    return this.#pace.countIn(ms)
  }

  /** The distance of a piece from the nearest reader that needs it soon, in pieces; Infinity if there is none. */
  distanceTo(index: number): number {
    const distance = this.#cursors?.distanceTo(index) ?? -1
    return distance < 0 ? Number.POSITIVE_INFINITY : distance
  }

  /** Counts a stored piece. */
  addFinished(): void {
    this.#pace.addFinished()
  }

  /** Measures the rate of stored pieces. @param now in ms */
  update(now: number): void {
    this.#pace.update(now)
  }

  /**
   * Returns the number of pieces by which readers advance until a block that is requested now arrives.
   * @param wait the mean wait of the peer for a block, in ms
   * @returns at most the pieces that fit into memory, as none further ahead is begun
   */
  leadOf(wait: number | undefined): number {
    if (!this.#cursors || this.#cursors.size === 0) return 0
    return Math.min(this.#cursors.ahead - 1, Math.floor(this.#pace.countIn(wait)))
  }

  /** True if a reader needs this piece within the next `lead` pieces. */
  isDueWithin(index: number, lead: number): boolean {
    const distance = lead > 0 ? this.#cursors!.distanceTo(index) : -1
    return distance >= 0 && distance < lead
  }

  /** True if a reader needs this piece soon, or there are no readers. */
  isNear(index: number): boolean {
    return !this.#cursors || this.#cursors.distanceTo(index) >= 0
  }

  /**
   * Returns the pieces that a reader waits for, and those that it will wait for before another peer could send them. Returns
   * none within 25 ms of the last search.
   */
  *findAwaited(now: number): Iterable<number> {
    const cursors = this.#cursors
    if (!cursors?.isAwaited || now - this.#searchedAt < SEARCH_INTERVAL_MS) return
    this.#searchedAt = now
    const near = Math.min(cursors.ahead, 1 + Math.ceil(this.#pace.countIn(AWAITED_MS)))
    for (const { at, end, waiting } of cursors) {
      for (let index = at; waiting && index < Math.min(end, at + near); index++) yield index
    }
  }
}
