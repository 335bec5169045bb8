import { EventEmitter } from 'node:events'

/** Where a reader is. */
export interface Cursor {
  /** The piece that it needs next. */
  readonly at: number
  /** The piece after its last. */
  readonly end: number
  /** True if the reader waits for the piece. */
  readonly waiting: boolean
}

interface MutableCursor extends Cursor {
  at: number
  waiting: boolean
}

export interface CursorsEvents {
  /** A reader went on to another piece, or began to wait. */
  moved: []
  /** A reader came or went. */
  changed: []
}

/**
 * The places of all readers, and which pieces they need soon: the next few of each.
 *
 * Inputs: where each reader is and where it ends; the number of pieces that there is room for, shared equally.
 */
export class Cursors extends EventEmitter<CursorsEvents> {
  /** Grows when readers may need other pieces soon than before. */
  version = 0
  /** Pieces that may be ahead of all readers together. */
  room: number
  readonly #cursors = new Set<MutableCursor>()

  /** @param room pieces that may be ahead of all readers together */
  constructor(room: number) {
    super()
    this.room = room
  }

  get size(): number {
    return this.#cursors.size
  }

  /** The number of pieces of each reader that are near: the one that it needs next, and those that follow. */
  get ahead(): number {
    return Math.max(1, Math.floor(this.room / Math.max(1, this.#cursors.size)))
  }

  /** True if a reader waits for bytes. */
  get isAwaited(): boolean {
    for (const { waiting } of this.#cursors) if (waiting) return true
    return false
  }

  [Symbol.iterator](): IterableIterator<Cursor> {
    return this.#cursors.values()
  }

  /** Adds a reader that needs the pieces from `at` to before `end`. */
  open(at: number, end: number): Cursor {
    const place = { at, end, waiting: false }
    this.#cursors.add(place)
    this.version++
    this.emit('changed')
    return place
  }

  /** Notes the piece that a reader needs next. @param waiting true if the reader waits for it */
  move(cursor: Cursor, at: number, waiting: boolean): void {
    const place = cursor as MutableCursor
    const same = place.at === at && (place.waiting === waiting || !waiting)
    place.at = at
    place.waiting = waiting
    if (same) return
    this.version++
    this.emit('moved')
  }

  /** Removes a reader. */
  close(cursor: Cursor): void {
    if (!this.#cursors.delete(cursor as MutableCursor)) return
    this.version++
    this.emit('changed')
  }

  /** The distance of this piece from the nearest reader that needs it soon, in pieces, or -1. */
  distanceTo(index: number): number {
    let least = -1
    for (const { at, end } of this.#cursors) {
      const distance = index - at
      if (distance < 0 || index >= end || distance >= this.ahead) continue
      if (least < 0 || distance < least) least = distance
    }
    return least
  }

  /**
   * Finds a piece that is near to a reader, and for which `fits` is true; -1 if there is none. The nearest that is at least
   * `from` pieces ahead comes first.
   */
  findPiece(fits: (index: number) => boolean, from = 0): number {
    const { ahead } = this
    const start = Math.min(from, ahead - 1)
    for (let step = 0; step < ahead; step++) {
      // a piece that would come too late is begun as far ahead as possible
      const distance = step < ahead - start ? start + step : ahead - 1 - step
      for (const { at, end } of this.#cursors) {
        if (at + distance < end && fits(at + distance)) return at + distance
      }
    }
    return -1
  }
}
