/** Where somebody reads: the piece that is needed next, and the one after the last. */
export interface Cursor {
  readonly at: number
  readonly end: number
  /** Whether the reader has nothing else to do than to wait for it. */
  readonly waiting: boolean
}

interface Place extends Cursor {
  at: number
  waiting: boolean
}

/**
 * Which pieces readers need soon: the next few of each.
 *
 * Depends on: where each reader is and where it ends; how many pieces there is room for, shared equally.
 */
export class Cursors {
  /** Grows when a piece comes near that was not. */
  version = 0
  /** How many pieces may be ahead of all readers together. */
  room: number
  readonly #places = new Set<Place>()
  readonly #moved: () => void
  readonly #turned: () => void

  /**
   * @param room how many pieces may be ahead of all readers together
   * @param moved called when a reader went on to another piece or began to wait
   * @param turned called when a reader came or went
   */
  constructor(room: number, moved: () => void = () => {}, turned: () => void = () => {}) {
    this.room = room
    this.#moved = moved
    this.#turned = turned
  }

  get size(): number {
    return this.#places.size
  }

  /** How many pieces of each reader are near: the one it is at, and those that follow. */
  get ahead(): number {
    return Math.max(1, Math.floor(this.room / Math.max(1, this.#places.size)))
  }

  /** Whether a reader waits for bytes right now. */
  get waiting(): boolean {
    for (const { waiting } of this.#places) if (waiting) return true
    return false
  }

  [Symbol.iterator](): IterableIterator<Cursor> {
    return this.#places.values()
  }

  /** A reader that will need the pieces from `at` to before `end`. */
  open(at: number, end: number): Cursor {
    const place = { at, end, waiting: false }
    this.#places.add(place)
    this.version++
    this.#turned()
    return place
  }

  /** The reader is at this piece now. */
  move(cursor: Cursor, at: number, waiting: boolean): void {
    const place = cursor as Place
    const same = place.at === at && (place.waiting === waiting || !waiting)
    place.at = at
    place.waiting = waiting
    if (same) return
    this.version++
    this.#moved()
  }

  /** The reader is gone. */
  close(cursor: Cursor): void {
    if (!this.#places.delete(cursor as Place)) return
    this.version++
    this.#turned()
  }

  /** How far this piece is from the nearest reader that will need it soon, in pieces, or -1. */
  distance(index: number): number {
    let least = -1
    for (const { at, end } of this.#places) {
      const distance = index - at
      if (distance < 0 || index >= end || distance >= this.ahead) continue
      if (least < 0 || distance < least) least = distance
    }
    return least
  }

  /** The pieces that are near and for which `fits` holds: what lies at least `from` ahead first, nearest first; then the rest. */
  find(fits: (index: number) => boolean, from = 0): number {
    const { ahead } = this
    const start = Math.min(from, ahead - 1)
    for (let step = 0; step < ahead; step++) {
      // what comes too late where it is next is begun as far back as can be
      const distance = step < ahead - start ? start + step : ahead - 1 - step
      for (const { at, end } of this.#places) {
        if (at + distance < end && fits(at + distance)) return at + distance
      }
    }
    return -1
  }
}
