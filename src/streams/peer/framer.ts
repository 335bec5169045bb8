import { checkArgument } from '../../codec/check-arguments.ts'
import { decodeHandshake, HANDSHAKE_LENGTH } from '../../codec/handshake.ts'
import {
  BLOCK_LENGTH,
  checkMessageLength,
  decodeBody,
  isKnownType,
  MESSAGE_IDS,
  type Message,
  PIECE_HEAD,
} from '../../codec/message.ts'
import { PeerError } from '../../errors.ts'
import { ParkedCallback } from '../parked-callback.ts'
import type { BlockPlace } from '../piece-buffer.ts'
import { type Done, Transform } from '../stage.ts'
import type { Incoming } from './incoming.ts'
import { IncomingBlock } from './incoming-block.ts'

/** Options of `Framer`. */
export interface FramerOptions {
  /** True if the first 68 bytes are a handshake. @default true */
  readonly handshake?: boolean
  /** The longest message in bytes, without its length prefix and except piece messages. @default 1 MiB */
  readonly maxLength?: number
  /** The longest block in bytes. @default 16 KiB */
  readonly maxBlock?: number
  /** Knows the pieces that blocks belong to. @default each block gets its own memory */
  readonly places?: BlockPlace
  /** Called with each chunk after its last byte was used: its memory can be reused. */
  readonly onConsumed?: (chunk: Uint8Array) => void
  /**
   * Returns the length in bytes of the longest hashes message that was requested (BEP 52). A longer one is skipped, and passed
   * on without its hashes.
   * @default 0: all are skipped
   */
  readonly maxHashes?: () => number
  /** Limits the rate of messages. @default no limit */
  readonly pace?: MessagePace
}

/** Limits the rate of messages: a policy. */
export interface MessagePace {
  /** Counts a message other than a block. @returns false if the next message has to wait */
  charge(message: Message): boolean
  /** Calls `resume` when the next message may be handled. */
  wait(resume: () => void): void
  /** Cancels the call of `resume`. */
  cancel(): void
}

const EMPTY_BUFFER = Buffer.alloc(0)

/** Bytes of a piece message before its data: length, id, index, begin. */
const BLOCK_HEAD_BYTES = 4 + PIECE_HEAD

const MESSAGE_PART = { handshake: 0, length: 1, id: 2, pieceHead: 3, data: 4, body: 5, skip: 6 } as const

/**
 * Cuts the bytes of a peer into messages.
 *
 * in            chunks, cut anywhere
 * out           Incoming, in the order of the peer. A block that `places` gave a place is written there at once; blocks that
 *               came one after another in a chunk follow as one `blocks` message
 * backpressure  takes no chunk while 64 KiB of messages wait; stops within a chunk when its `pace` says so
 * fails with    PeerError: a length out of bounds (before anything is allocated), an invalid handshake
 * BEP           3, 10
 */
export class Framer extends Transform<Uint8Array, Incoming> {
  readonly #maxLength: number
  readonly #maxBlock: number
  readonly #block: IncomingBlock
  readonly #consumed: ((chunk: Uint8Array) => void) | undefined
  readonly #maxHashes: () => number
  readonly #pace: MessagePace | undefined
  /** True if the next message has to wait for the pace. */
  #mustWait = false
  /** The callback of a chunk while its rest waits for the pace. */
  readonly #parked = new ParkedCallback()

  #state: number
  /** Buffer for the parts of fixed size. The longest is the handshake. */
  readonly #head = Buffer.allocUnsafe(HANDSHAKE_LENGTH)
  #partLength: number
  #partFilled = 0
  /** Missing bytes of the current message. */
  #remaining = 0
  #id = 0
  #body: Buffer = this.#head

  constructor(options: FramerOptions = {}) {
    checkArgument('options', options, 'object')
    const {
      handshake = true,
      maxLength = 1 << 20,
      maxBlock = BLOCK_LENGTH,
      places,
      onConsumed,
      maxHashes = () => 0,
      pace,
    } = options
    super({
      highWaterMark: 65536,
      byteLengthWritable: chunk => chunk.length || 1,
      byteLengthReadable: message => 64 + (message.type === 'hashes' ? message.hashes.length : 0),
    })
    this.#maxHashes = maxHashes
    this.#maxLength = maxLength
    this.#maxBlock = maxBlock
    this.#block = new IncomingBlock(places)
    this.#consumed = onConsumed
    this.#pace = pace
    this.#state = handshake ? MESSAGE_PART.handshake : MESSAGE_PART.length
    this.#partLength = handshake ? HANDSHAKE_LENGTH : 4
  }

  override _transform(chunk: Uint8Array, done: Done<Incoming>): void {
    this.#cut(chunk, 0, done)
  }

  override _predestroy(): void {
    this.#pace?.cancel()
    this.#parked.release() // streamx waits for it before it destroys the stream
  }

  #cut(chunk: Uint8Array, from: number, done: Done): void {
    try {
      let at = from
      while (at < chunk.length) {
        if (this.#mustWait) {
          this.#hold(chunk, at, done)
          return
        }
        if (this.#state === MESSAGE_PART.data) at = this.#takeData(chunk, at)
        else if (this.#state === MESSAGE_PART.skip) at = this.#skip(chunk, at)
        else if (this.#state === MESSAGE_PART.length && this.#partFilled === 0 && isBlock(chunk, at))
          at = this.#takeHead(chunk, at)
        else at = this.#collect(chunk, at)
      }
    } catch (error) {
      this.#fail(error as Error, done)
      return
    }
    this.#flushBlocks()
    this.#consumed?.(chunk)
    done()
  }

  /**
   * Fails after the blocks and messages before the error are handled, as a peer may end with the last block of a piece.
   * An error discards the output of a stage, so it waits for the next turn of the event loop.
   */
  #fail(error: Error, done: Done): void {
    this.#flushBlocks()
    this.#parked.park(done)
    setImmediate(() => this.#parked.release(error))
  }

  /** Reads the head of a block that is complete in this chunk: the most frequent case. */
  #takeHead(chunk: Uint8Array, at: number): number {
    this.#remaining = read32(chunk, at)
    this.#id = MESSAGE_IDS.piece
    this.#checkHead()
    this.#beginBlock(read32(chunk, at + 5), read32(chunk, at + 9))
    return at + BLOCK_HEAD_BYTES
  }

  /** Continues with the chunk later. A method of its own, as a closure in the loop would slow down every block. */
  #hold(chunk: Uint8Array, at: number, done: Done): void {
    this.#mustWait = false
    this.#parked.park(done)
    this.#pace?.wait(() => {
      const parked = this.#parked.take()
      if (parked) this.#cut(chunk, at, parked)
    })
  }

  #pass(message: Message): void {
    this.#flushBlocks()
    this.push(message)
    if (this.#pace?.charge(message) === false) this.#mustWait = true
  }

  /** Collects a part of known size. */
  #collect(chunk: Uint8Array, at: number): number {
    const target = this.#state === MESSAGE_PART.body ? this.#body : this.#head
    const end = Math.min(chunk.length, at + this.#partLength - this.#partFilled)
    if (end - at < 16) for (let i = at; i < end; i++) target[this.#partFilled++] = chunk[i]!
    else {
      target.set(chunk.subarray(at, end), this.#partFilled)
      this.#partFilled += end - at
    }
    if (this.#partFilled === this.#partLength) this.#takePart()
    return end
  }

  #next(state: number, need: number): void {
    this.#state = state
    this.#partLength = need
    this.#partFilled = 0
  }

  #takePart(): void {
    const head = this.#head
    switch (this.#state) {
      case MESSAGE_PART.handshake:
        this.#pass(decodeHandshake(head))
        this.#next(MESSAGE_PART.length, 4)
        return
      case MESSAGE_PART.length:
        this.#remaining = head.readUInt32BE(0)
        if (this.#remaining === 0) {
          this.#pass({ type: 'keepAlive' })
          this.#next(MESSAGE_PART.length, 4)
        } else this.#next(MESSAGE_PART.id, 1)
        return
      case MESSAGE_PART.id:
        this.#id = head[0]!
        this.#checkHead()
        return
      case MESSAGE_PART.pieceHead:
        this.#beginBlock(head.readUInt32BE(0), head.readUInt32BE(4))
        return
      default:
        this.#pass(decodeBody(this.#id, this.#body))
        this.#next(MESSAGE_PART.length, 4)
    }
  }

  /** Checks the length of a message before memory is allocated for it. */
  #checkHead(): void {
    const id = this.#id
    const length = this.#remaining
    const limit = id === MESSAGE_IDS.piece ? PIECE_HEAD + this.#maxBlock : this.#maxLength
    if (length > limit) {
      throw new PeerError('ERR_MESSAGE_TOO_LONG', `message ${id} of ${length} bytes, the limit is ${limit}`)
    }
    checkMessageLength(id, length)
    this.#remaining = length - 1
    if (id === MESSAGE_IDS.piece) this.#next(MESSAGE_PART.pieceHead, 8)
    else if (!isKnownType(id) || (id === MESSAGE_IDS.hashes && length > this.#maxHashes())) {
      this.#pass({ type: 'unknown', id })
      this.#state = MESSAGE_PART.skip
      if (this.#remaining === 0) this.#next(MESSAGE_PART.length, 4)
    } else if (this.#remaining === 0) {
      this.#pass(decodeBody(id, EMPTY_BUFFER))
      this.#next(MESSAGE_PART.length, 4)
    } else {
      this.#body = Buffer.allocUnsafeSlow(this.#remaining)
      this.#next(MESSAGE_PART.body, this.#remaining)
    }
  }

  #beginBlock(index: number, begin: number): void {
    this.#state = MESSAGE_PART.data
    this.#block.begin(index, begin, this.#remaining - 8)
    if (this.#block.missing === 0) this.#endBlock()
  }

  #takeData(chunk: Uint8Array, at: number): number {
    const end = this.#block.write(chunk, at)
    if (this.#block.missing === 0) this.#endBlock()
    return end
  }

  #endBlock(): void {
    const message = this.#block.end()
    if (message || this.#block.isFull) this.#flushBlocks()
    if (message) this.push(message)
    this.#next(MESSAGE_PART.length, 4)
  }

  /** Passes on the blocks that are complete, ahead of the message that follows them. */
  #flushBlocks(): void {
    const message = this.#block.takeBlocks()
    if (message) this.push(message)
  }

  #skip(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#remaining)
    this.#remaining -= end - at
    if (this.#remaining === 0) this.#next(MESSAGE_PART.length, 4)
    return end
  }
}

/** Returns true if a piece message begins at `at` and its head is complete. */
function isBlock(chunk: Uint8Array, at: number): boolean {
  return chunk.length - at >= BLOCK_HEAD_BYTES && chunk[at + 4] === MESSAGE_IDS.piece && read32(chunk, at) > 0
}

function read32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}
