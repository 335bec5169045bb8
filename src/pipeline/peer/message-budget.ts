import { MESSAGE_IDS, type Message } from '../../codec/message.ts'
import { UT_METADATA } from '../../codec/metadata.ts'
import type { Clock, Timer } from '../../ports/clock.ts'
import type { MessagePace } from '../../streams/peer/framer.ts'

/** Units that a connection may spend each second, and at once. A short message costs one unit: some microseconds. */
const UNITS_PER_SECOND = 20_000
const BURST_UNITS = 20_000
/** Minimum milliseconds to wait when all units are spent. A timer for each message would cost more than the message. */
const MIN_WAIT_MS = 50
/** Units of a message of interest, which makes the choker examine every peer. */
const INTEREST_UNITS = 8
/** Units of an extended message, and the number of its bytes that cost one unit more. */
const EXTENDED_UNITS = 16
const BYTES_PER_UNIT = 64
/** Units of a request for hashes, or of hashes: up to half a millisecond of work. */
const HASHES_UNITS = 200
/**
 * Pieces that cost one unit in messages about all pieces: a bitfield, have-all or have-none. The first of a connection is
 * free. A don't-have costs the same, since it changes the count of every piece if the peer was a seed.
 */
const PIECES_PER_UNIT = 5
/** Our id of lt_donthave (BEP 54). */
const DONT_HAVE_ID = 1
/** Connections that can wait with a full budget. When more wait, they share the budget of this many. */
const MAX_FLOODS = 5

/** The number of connections of a torrent that wait for their budgets. */
export interface MessageLoad {
  waiting: number
}

/**
 * Limits the messages of one connection that are handled each second, so that no connection blocks the event loop.
 *
 * Inputs: the cost of each message, and its time; the number of pieces; the time; the number of connections that wait.
 *
 * Blocks and requests are free here. Our requests bound the blocks, and the queue of the `Responder` bounds the requests.
 */
export class MessageBudget implements MessagePace {
  readonly #clock: Clock
  readonly #pieceCount: number
  readonly #load: MessageLoad
  #units = BURST_UNITS
  #updatedAt: number
  #hasSentPieces = false
  #timer: Timer | undefined

  constructor(clock: Clock, pieceCount: number, load: MessageLoad = { waiting: 0 }) {
    this.#load = load
    this.#clock = clock
    this.#pieceCount = pieceCount
    this.#updatedAt = clock.now()
  }

  charge(message: Message): boolean {
    this.#units -= this.#costOf(message)
    if (this.#units >= 0) return true
    const now = this.#clock.now()
    this.#units = Math.min(BURST_UNITS, this.#units + ((now - this.#updatedAt) * UNITS_PER_SECOND) / 1000)
    this.#updatedAt = now
    return this.#units >= 0
  }

  wait(resume: () => void): void {
    const debtMs = Math.max(MIN_WAIT_MS, Math.ceil((-this.#units * 1000) / UNITS_PER_SECOND))
    const wait = debtMs * Math.max(1, ++this.#load.waiting / MAX_FLOODS)
    // However many connections share, this wait pays for the units that are owed.
    this.#updatedAt = this.#clock.now() + wait - debtMs
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
    if (id === DONT_HAVE_ID) return this.#pieceCount / PIECES_PER_UNIT
    // A piece of metadata is dropped without decoding, unless it was requested.
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
      case 'hashRequest':
      case 'hashes':
        return HASHES_UNITS
      case 'unknown':
        return message.id === MESSAGE_IDS.hashes ? HASHES_UNITS : 1
      case 'extended':
        return EXTENDED_UNITS + this.#costOfPayload(message.id, message.payload.length)
      case 'bitfield':
      case 'haveAll':
      case 'haveNone': {
        const again = this.#hasSentPieces
        this.#hasSentPieces = true
        return again ? 1 + this.#pieceCount / PIECES_PER_UNIT : 1
      }
      default:
        return 1
    }
  }
}
