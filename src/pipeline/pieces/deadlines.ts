import type { Cursors } from './cursors.ts'
import { PieceRate } from './piece-rate.ts'

/** Milliseconds between two searches for the pieces that readers wait for. */
const SEARCH_INTERVAL_MS = 25
/** Milliseconds of reading ahead of a reader that count as awaited: a block takes about as long to come from another peer. */
const AWAITED_MS = 1500

/**
 * Tells when pieces have to be there for readers.
 *
 * Inputs: where readers are and whether they wait; how fast pieces have come to rest; how long a peer usually takes; the
 * time.
 */
export class Deadlines {
  readonly #cursors: Cursors | undefined
  readonly #pace = new PieceRate()
  #searchedAt = 0

  /** @param cursors where readers are; undefined if there are none */
  constructor(cursors: Cursors | undefined) {
    this.#cursors = cursors
  }

  /** Counts a piece that is at rest. */
  addFinished(): void {
    this.#pace.addFinished()
  }

  /** Measures how fast pieces come to rest. @param now in ms */
  update(now: number): void {
    this.#pace.update(now)
  }

  /**
   * The number of pieces that readers go on until a block is there that is requested now.
   * @param wait milliseconds that the peer usually takes for a block
   * @returns at most the pieces that there is room for: further ahead nothing is begun
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
   * The pieces that a reader waits for, and those that it will wait for before another peer could bring them. None within
   * 25 ms of the last search.
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
