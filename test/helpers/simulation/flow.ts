import type { Clock } from '../../../src/ports/clock.ts'
import type { Lane, Link, Segment } from './link.ts'
import { allocate, SEGMENT_BYTES } from './memory.ts'

/** Maximum bytes that are in flight or wait to be read: the receive buffer. With the latency it limits the rate. */
export const WINDOW_BYTES = 262_144
/** The share of segments that are cut within a message. The behaviour must not depend on it. */
const CUT_RATIO = 1 / 16
/** Bytes of a packet, which is lost or delivered as a whole. */
const PACKET_BYTES = 1460
const EMPTY_BUFFER = Buffer.alloc(0)

/** The path between two hosts, in one direction. */
export interface Route {
  readonly clock: Clock
  /** Random numbers that decide where segments are cut. */
  readonly random: () => number
  readonly up: Link
  readonly down: Link
  /** Milliseconds, one way. */
  readonly latency: number
  /** Share of lost packets, and maximum additional milliseconds of a segment. */
  readonly loss: number
  readonly jitter: number
  /** True if bytes that arrive now are delivered. */
  open(): boolean
  sent(bytes: number): void
}

/** One side of a connection, as the network uses it. */
export interface Endpoint {
  arrive(segment: Segment): void
  /** The other side has reset the connection. */
  reset(): void
}

/**
 * One direction of a connection: send buffer, uplink, latency, downlink. Bytes arrive in order, and all of them unless
 * the connection is cut.
 */
export class Flow {
  readonly #route: Route
  readonly #source: Endpoint
  readonly #uplane: Lane
  readonly #downlane: Lane
  /** The bytes to send, in the memory of the sender, and the number of sent bytes of the first chunk. */
  #chunks: Uint8Array[] = []
  #offset = 0
  #queued = 0
  #left: ((error?: Error) => void) | undefined
  /** Sent, but not read by the receiver yet. */
  #outstanding = 0
  #end: 'fin' | 'rst' | undefined
  #ended = false
  readonly #arrived: Segment[] = []
  /** The time at which the last segment arrives. No segment overtakes another. */
  #arrivesAt = 0

  constructor(route: Route, source: Endpoint, target: Endpoint) {
    this.#route = route
    this.#source = source
    const lane = { at: 0, order: 0, slot: -1, finish: 0 }
    this.#uplane = { ...lane, take: () => this.#take(), carried: segment => this.#carried(segment) }
    this.#downlane = {
      ...lane,
      take: () => this.#arrived.shift(),
      carried: segment => {
        if (route.open()) target.arrive(segment)
      },
    }
  }

  /**
   * Sends bytes. Calls `left` when they have left, after which their memory may change. Must not be called before the
   * last write has left.
   */
  write(chunks: Uint8Array[], left: (error?: Error) => void): void {
    this.#chunks = chunks
    this.#offset = 0
    this.#queued = chunks.reduce((sum, { length }) => sum + length, 0)
    this.#left = left
    if (this.#queued > 0) this.#route.up.enter(this.#uplane)
    else this.#lastLeft()
  }

  /** Ends this direction. Calls `left` when the end has left. */
  finish(left: () => void): void {
    this.#left = left
    this.#conclude('fin')
  }

  /**
   * Handles the end of the sender. Its written bytes are still sent, as by an operating system, except after a reset.
   * @returns the writes that waited for their bytes to leave, which may not have left
   */
  abandon(end: 'fin' | 'rst'): ((error?: Error) => void) | undefined {
    const left = this.#left
    this.#left = undefined
    if (end === 'rst') this.#drop()
    else this.#chunks = this.#chunks.map(bytes => Uint8Array.prototype.slice.call(bytes))
    this.#conclude(end)
    return left
  }

  /** Handles the end of the receiver. @returns true if waiting bytes will never leave */
  break(): boolean {
    this.#drop()
    this.#ended = true
    return this.#left !== undefined
  }

  /** Makes room for as many bytes as the receiver has read. */
  consumed(bytes: number): void {
    this.#outstanding -= bytes
    if (this.#queued > 0) this.#route.up.enter(this.#uplane)
  }

  /** Makes the receiver, which has ended, reset a sender that continues. */
  refuse(): void {
    const { clock, latency } = this.#route
    clock.setTimeout(() => {
      if (this.#route.open()) this.#source.reset()
    }, latency)
  }

  #conclude(end: 'fin' | 'rst'): void {
    this.#end = end
    if (!this.#ended) this.#route.up.enter(this.#uplane)
  }

  #drop(): void {
    this.#chunks = []
    this.#queued = 0
  }

  #lastLeft(): void {
    const left = this.#left
    this.#left = undefined
    left?.()
  }

  #take(): Segment | undefined {
    if (this.#queued === 0) {
      if (!this.#end || this.#ended) return undefined
      this.#ended = true
      return { bytes: EMPTY_BUFFER, end: this.#end, left: () => this.#lastLeft() }
    }
    const { random } = this.#route
    const maxLength = Math.min(SEGMENT_BYTES, this.#queued)
    if (WINDOW_BYTES - this.#outstanding < maxLength) return undefined
    const length = random() < CUT_RATIO ? 1 + Math.floor(random() * maxLength) : maxLength
    const bytes = this.#shift(length)
    this.#outstanding += length
    return this.#queued > 0 ? { bytes } : { bytes, left: () => this.#lastLeft() }
  }

  #shift(length: number): Buffer {
    const bytes = allocate(length)
    let filled = 0
    let taken = 0
    while (filled < length) {
      const chunk = this.#chunks[taken]!
      const part = chunk.subarray(this.#offset, this.#offset + length - filled)
      bytes.set(part, filled)
      filled += part.length
      this.#offset += part.length
      if (this.#offset === chunk.length) {
        taken++
        this.#offset = 0
      }
    }
    this.#chunks.splice(0, taken)
    this.#queued -= length
    return bytes
  }

  #carried(segment: Segment): void {
    const { clock, sent } = this.#route
    sent(segment.bytes.length)
    this.#arrivesAt = Math.max(this.#arrivesAt, clock.now() + this.#delay(segment))
    clock.setTimeout(() => this.#arrive(segment), this.#arrivesAt - clock.now())
    segment.left?.()
  }

  /**
   * Returns the time from a segment's last byte to its arrival. A lost packet is sent again after one or two round
   * trips.
   */
  #delay({ bytes }: Segment): number {
    const { jitter, latency, loss, random } = this.#route
    let delay = latency
    if (jitter > 0) delay += random() * jitter
    if (loss === 0) return delay
    const packets = Math.max(1, Math.ceil(bytes.length / PACKET_BYTES))
    for (let lost = packets; lost > 0; ) {
      let again = 0
      for (let packet = 0; packet < lost; packet++) if (random() < loss) again++
      if (again > 0) delay += 2 * latency
      lost = again
    }
    return delay
  }

  #arrive(segment: Segment): void {
    const { down } = this.#route
    if (down.unlimited) this.#downlane.carried(segment)
    else {
      this.#arrived.push(segment)
      down.enter(this.#downlane)
    }
  }
}
