import type { Clock, Timer } from '../../../src/ports/clock.ts'
import { Heap, type Ranked } from './heap.ts'

/** A segment: the bytes that a link carries at once. */
export interface Segment {
  /** Its bytes, in separate memory; empty for only an end. */
  readonly bytes: Buffer
  /** The end of the sender: after its last byte, or by a reset. */
  readonly end?: 'fin' | 'rst' | undefined
  /** Called when it has left the sender. */
  readonly left?: (() => void) | undefined
}

/** The state of one flow at a link. */
export interface Lane extends Ranked {
  /** Its virtual finish time after its last segment, in bytes (start-time fair queueing). */
  finish: number
  /** Returns the next segment, if one may be sent now. */
  take(): Segment | undefined
  carried(segment: Segment): void
}

/**
 * One direction of the link of a host: a rate, shared fairly in bytes by the lanes that have data (start-time fair
 * queueing: like round robin, but a short segment costs no whole turn). There is one timer while it is busy, none while
 * it is idle.
 */
export class Link {
  readonly #clock: Clock
  readonly #rate: number
  readonly #lanes = new Heap<Lane>()
  /** The virtual start time of the lane that was served last. */
  #share = 0
  #order = 0
  #timer: Timer | undefined
  #lane: Lane | undefined
  #segment: Segment | undefined
  #serving = false

  /** @param rate bytes per second */
  constructor(clock: Clock, rate = Number.POSITIVE_INFINITY) {
    if (!(rate > 0)) throw new RangeError(`a link's rate has to be over 0 bytes per second, got ${rate}`)
    this.#clock = clock
    this.#rate = rate
  }

  get unlimited(): boolean {
    return this.#rate === Number.POSITIVE_INFINITY
  }

  /** Registers a lane that has data to send. Idempotent. */
  enter(lane: Lane): void {
    if (lane.slot >= 0) return
    lane.at = Math.max(this.#share, lane.finish)
    lane.order = ++this.#order
    this.#lanes.push(lane)
    // not at once, so that bytes written at the same instant are sent together
    if (!this.#serving) this.#timer ??= this.#clock.setTimeout(() => this.#serve(), 0)
  }

  #serve(): void {
    const lane = this.#lane
    const segment = this.#segment
    this.#timer = this.#lane = this.#segment = undefined
    this.#serving = true
    if (lane && segment) lane.carried(segment)
    for (let next = this.#lanes.pop(); next; next = this.#lanes.pop()) {
      const taken = next.take()
      if (!taken) continue
      const { length } = taken.bytes
      this.#share = next.at
      next.finish = next.at + length
      this.enter(next)
      if (this.unlimited || length === 0) next.carried(taken)
      else {
        this.#lane = next
        this.#segment = taken
        this.#timer = this.#clock.setTimeout(() => this.#serve(), (length / this.#rate) * 1000)
        break
      }
    }
    this.#serving = false
  }
}
