import type { Cursors } from './cursors.ts'
import { PieceRate } from './piece-rate.ts'

/** How often it is looked at which blocks a reader waits for, in ms. */
const LOOK = 25
/** Milliseconds of reading within which a block counts as waited for: it takes about as long to come from somebody else. */
const SOON = 1500

/**
 * When pieces have to be there for those who read them.
 *
 * Depends on: where readers are and whether they wait; how fast pieces have come to rest; how long a peer usually lets
 * wait; the time.
 */
export class Deadlines {
  readonly #cursors: Cursors | undefined
  readonly #pace = new PieceRate()
  #looked = 0

  /** @param cursors where readers are; nobody reads without */
  constructor(cursors: Cursors | undefined) {
    this.#cursors = cursors
  }

  /** A piece is at rest. */
  finished(): void {
    this.#pace.finished()
  }

  /** It is this time now, in ms. */
  update(now: number): void {
    this.#pace.update(now)
  }

  /**
   * How many pieces readers go on until a block is there that is asked for now of a peer that usually lets wait for so
   * many ms. Never more than there is room for: as far ahead as can be is as good as it gets.
   */
  late(usual: number | undefined): number {
    if (!this.#cursors || this.#cursors.size === 0) return 0
    return Math.min(this.#cursors.ahead - 1, Math.floor(this.#pace.covered(usual)))
  }

  /** Whether a reader needs this piece sooner than it comes from a peer that is so late. */
  before(index: number, late: number): boolean {
    const distance = late > 0 ? this.#cursors!.distance(index) : -1
    return distance >= 0 && distance < late
  }

  /** Whether readers have this piece near, or nobody reads. */
  near(index: number): boolean {
    return !this.#cursors || this.#cursors.distance(index) >= 0
  }

  /** The pieces that a reader waits for, and those that it will before they could come anew; none if it was just looked. */
  *awaited(now: number): Iterable<number> {
    const cursors = this.#cursors
    if (!cursors?.waiting || now - this.#looked < LOOK) return
    this.#looked = now
    const near = Math.min(cursors.ahead, 1 + Math.ceil(this.#pace.covered(SOON)))
    for (const { at, end, waiting } of cursors) {
      for (let index = at; waiting && index < Math.min(end, at + near); index++) yield index
    }
  }
}
