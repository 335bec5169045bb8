import type { Clock, Timer } from '../clock.ts'
import type { Message } from '../codec/message.ts'
import type { MessagePace } from '../streams/framer.ts'

/** Units that a connection may spend each second, and at once. A short message costs one, and some microseconds. */
const UNITS_PER_SECOND = 20_000
const BURST_UNITS = 20_000
/** Milliseconds to wait at least once they are spent: a timer for each message would cost more than the message. */
const LEAST_WAIT_MS = 50
/** Units of messages that make others than this connection work: each peer is looked at. */
const INTEREST_UNITS = 8
/** Units of a message of an extension, and how many of its bytes cost one more. */
const EXTENDED_UNITS = 16
const BYTES_PER_UNIT = 64
/** Pieces of a bitfield, a have-all or a have-none that cost one unit; the first of a connection is free, as every peer says it. */
const PIECES_PER_UNIT = 5

/**
 * How many messages of one connection are looked at each second, so that none takes the event loop for itself.
 *
 * Depends on: what each message costs us, and when they came; the number of pieces; the time.
 *
 * Blocks and requests are free here: what was asked for bounds the blocks, and the queue of the `Responder` the requests.
 */
export class MessageBudget implements MessagePace {
  readonly #clock: Clock
  readonly #pieceCount: number
  #units = BURST_UNITS
  #at: number
  #toldPieces = false
  #timer: Timer | undefined

  constructor(clock: Clock, pieceCount: number) {
    this.#clock = clock
    this.#pieceCount = pieceCount
    this.#at = clock.now()
  }

  charge(message: Message): boolean {
    this.#units -= this.#costOf(message)
    if (this.#units >= 0) return true
    const now = this.#clock.now()
    this.#units = Math.min(BURST_UNITS, this.#units + ((now - this.#at) * UNITS_PER_SECOND) / 1000)
    this.#at = now
    return this.#units >= 0
  }

  wait(resume: () => void): void {
    const ms = Math.max(LEAST_WAIT_MS, Math.ceil((-this.#units * 1000) / UNITS_PER_SECOND))
    this.#timer = this.#clock.setTimeout(resume, ms)
  }

  cancel(): void {
    this.#clock.clearTimeout(this.#timer)
  }

  #costOf(message: Message): number {
    switch (message.type) {
      case 'request':
      case 'piece':
        return 0
      case 'interested':
      case 'notInterested':
        return INTEREST_UNITS
      case 'extended':
        return EXTENDED_UNITS + message.payload.length / BYTES_PER_UNIT
      case 'bitfield':
      case 'haveAll':
      case 'haveNone': {
        const again = this.#toldPieces
        this.#toldPieces = true
        return again ? 1 + this.#pieceCount / PIECES_PER_UNIT : 1
      }
      default:
        return 1
    }
  }
}
