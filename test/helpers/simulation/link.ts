import type { Clock, Timer } from '../../../src/ports/clock.ts'
import { Heap, type Ranked } from './heap.ts'

/** A segment: the bytes that a link carries at once. */
export interface Segment {
  /** Memory of its own; empty when it only says that this was the end. */
  readonly bytes: Buffer
  /** The sender has said its last, or has thrown the connection away. */
  readonly end?: 'fin' | 'rst' | undefined
  /** Called once it has left the sender. */
  readonly left?: (() => void) | undefined
}

/** The state of one flow at a link. */
export interface Lane extends Ranked {
  /** Where its share stands after what it sent last, in bytes on the link's own scale. */
  finish: number
  /** The next segment, if one may be sent now. */
  take(): Segment | undefined
  carried(segment: Segment): void
}

/**
 * One direction of a host's access: a rate, shared fairly in bytes by the lanes that have something to send
 * (start-time fair queueing: round robin, but ends of messages cost no whole turn).
 * One timer while it is busy, none while idle.
 */
export class Link {
  readonly #clock: Clock
  readonly #rate: number
  readonly #lanes = new Heap<Lane>()
  /** Where the share of the lane stands that was served last. */
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

  /** Notes that a lane has something to send. Idempotent. */
  enter(lane: Lane): void {
    if (lane.slot >= 0) return
    lane.at = Math.max(this.#share, lane.finish)
    lane.order = ++this.#order
    this.#lanes.push(lane)
    // never at once: what is written at one instant goes out together
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
