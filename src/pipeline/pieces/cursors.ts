import { EventEmitter } from 'node:events'
import { WaitTime } from '../../streams/wait-time.ts'

/** The position of a reader. */
export interface Cursor {
  /** The piece that it needs next. */
  readonly at: number
  /** The block of that piece that it needs first, if blocks are verified alone; otherwise 0. */
  readonly block: number
  /** The piece after its last. */
  readonly end: number
  /** True if the reader waits for the piece. */
  readonly waiting: boolean
}

interface MutableCursor extends Cursor {
  at: number
  block: number
  waiting: boolean
}

export interface CursorsEvents {
  /** A reader moved to another piece, or began to wait. */
  moved: []
  /** A reader was added or removed. */
  changed: []
}

/**
 * The positions of all readers, and the pieces that they need soon: the next few of each.
 *
 * Inputs: the position and the end of each reader; the number of pieces that fit into memory, shared equally.
 */
export class Cursors extends EventEmitter<CursorsEvents> {
  /** Grows when the pieces that readers need soon may have changed. */
  version = 0
  /** Pieces that may be ahead of all readers together. */
  room: number
  /** The time in which a reader waits for bytes. */
  readonly readerWait = new WaitTime()
  readonly #now: () => number
  readonly #cursors = new Set<MutableCursor>()

  /**
   * @param room pieces that may be ahead of all readers together
   * @param now milliseconds of a monotonic clock @default the waits of readers are not measured
   */
  constructor(room: number, now: () => number = () => 0) {
    super()
    this.room = room
    this.#now = now
  }

  get size(): number {
    return this.#cursors.size
  }

  /** The number of pieces that each reader needs soon: the next one and those after it. */
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
  open(at: number, end: number, block = 0): Cursor {
    const place = { at, block, end, waiting: false }
    this.#cursors.add(place)
    this.version++
    this.emit('changed')
    return place
  }

  /** Notes the piece that a reader needs next. @param waiting true if the reader waits for it */
  move(cursor: Cursor, at: number, waiting: boolean, block = 0): void {
    const place = cursor as MutableCursor
    const same = place.at === at && (place.waiting === waiting || !waiting)
    place.at = at
    place.block = block
    place.waiting = waiting
    this.readerWait.set(this.isAwaited, this.#now())
    if (same) return
    this.version++
    this.emit('moved')
  }

  /** Removes a reader. */
  close(cursor: Cursor): void {
    if (!this.#cursors.delete(cursor as MutableCursor)) return
    this.readerWait.set(this.isAwaited, this.#now())
    this.version++
    this.emit('changed')
  }

  /** Returns the distance of a piece from the nearest reader that needs it soon, in pieces, or -1. */
  distanceTo(index: number): number {
    let minimum = -1
    for (const { at, end } of this.#cursors) {
      const distance = index - at
      if (distance < 0 || index >= end || distance >= this.ahead) continue
      if (minimum < 0 || distance < minimum) minimum = distance
    }
    return minimum
  }

  /**
   * Returns a piece that a reader needs soon and for which `fits` returns true, or -1. The nearest that is at least `from` pieces
   * ahead comes first.
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
