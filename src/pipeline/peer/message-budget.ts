import type { Message } from '../../codec/message.ts'
import { UT_METADATA } from '../../codec/metadata.ts'
import type { Clock, Timer } from '../../ports/clock.ts'
import type { MessagePace } from '../../streams/peer/framer.ts'

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
/**
 * Pieces of a message that concerns all of them which cost one unit: a bitfield, a have-all or a have-none but for the first of
 * a connection, as every peer says it; and a don't-have, which of a peer that had all changes how common each piece is.
 */
const PIECES_PER_UNIT = 5
/** Our id of lt_donthave (BEP 54). */
const DONT_HAVE = 1
/** Connections that may wait at once with a budget of their own; more of them share that of so many. */
const MAX_FLOODS = 5

/** What the connections of a torrent share: how many of them wait for their budgets. */
export interface MessageLoad {
  waiting: number
}

/**
 * How many messages of one connection are looked at each second, so that none takes the event loop for itself.
 *
 * Depends on: what each message costs us, and when they came; the number of pieces; the time; how many others wait.
 *
 * Blocks and requests are free here: what was asked for bounds the blocks, and the queue of the `Responder` the requests.
 */
export class MessageBudget implements MessagePace {
  readonly #clock: Clock
  readonly #pieceCount: number
  readonly #load: MessageLoad
  #units = BURST_UNITS
  #at: number
  #toldPieces = false
  #timer: Timer | undefined

  constructor(clock: Clock, pieceCount: number, load: MessageLoad = { waiting: 0 }) {
    this.#load = load
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
    const owed = Math.max(LEAST_WAIT_MS, Math.ceil((-this.#units * 1000) / UNITS_PER_SECOND))
    const wait = owed * Math.max(1, ++this.#load.waiting / MAX_FLOODS)
    // However many share, this wait is worth what is owed.
    this.#at = this.#clock.now() + wait - owed
    this.#timer = this.#clock.setTimeout(() => {
      this.#end()
      resume()
    }, wait)
  }

  cancel(): void {
    if (!this.#timer) return
    this.#clock.clearTimeout(this.#timer)
    this.#end()
  }

  #costOfPayload(id: number, length: number): number {
    if (id === DONT_HAVE) return this.#pieceCount / PIECES_PER_UNIT
    // A piece of metadata, which is not decoded: it was asked for, or it is dropped.
    return id === UT_METADATA ? 0 : length / BYTES_PER_UNIT
  }

  #end(): void {
    this.#timer = undefined
    this.#load.waiting--
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
        return EXTENDED_UNITS + this.#costOfPayload(message.id, message.payload.length)
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
