import { decodeHandshake, HANDSHAKE_LENGTH } from '../../codec/handshake.ts'
import {
  BLOCK_LENGTH,
  checkLength,
  decodeBody,
  ID,
  isKnown,
  type Message,
  PIECE_HEAD,
} from '../../codec/message.ts'
import { PeerError } from '../../errors.ts'
import type { BlockPlace } from '../piece-buffer.ts'
import { type Done, Transform } from '../stage.ts'

export interface FramerOptions {
  /** Whether the first 68 bytes are a handshake. @default true */
  readonly handshake?: boolean
  /** The longest message taken, in bytes without its prefix; piece messages have a bound of their own. @default 1 MiB */
  readonly maxLength?: number
  /** The longest block taken, in bytes. @default 16 KiB */
  readonly maxBlock?: number
  /** Where blocks go. @default memory of its own for each */
  readonly places?: BlockPlace
  /** Called with each chunk once nothing of it is needed any more: its memory may be used again. */
  readonly consumed?: (chunk: Uint8Array) => void
  /** What says when to stop for a while. @default never */
  readonly pace?: MessagePace
}

/** How many messages are taken within a time: a policy. */
export interface MessagePace {
  /** A message was cut; blocks that had a place are not counted. @returns whether to go on at once */
  charge(message: Message): boolean
  /** Calls `resume` once it may go on. */
  wait(resume: () => void): void
  /** Calls nothing any more. */
  cancel(): void
}

const EMPTY = Buffer.alloc(0)

/** Bytes of a piece message ahead of its data: length, id, index, begin. */
const BLOCK_HEAD = 4 + PIECE_HEAD

const PART = { handshake: 0, length: 1, id: 2, pieceHead: 3, data: 4, body: 5, skip: 6 } as const

/**
 * Cuts a peer's bytes into messages.
 *
 * in            chunks, cut anywhere
 * out           Message; but a block that `places` had a place for is told to `placed`, at once
 * backpressure  takes no chunk while 64 KiB of messages wait; stops within a chunk while its `pace` says so
 * fails with    PeerError: a length out of bounds (before anything is allocated), a wrong handshake
 * BEP           3, 10
 */
export class Framer extends Transform<Uint8Array, Message> {
  readonly #maxLength: number
  readonly #maxBlock: number
  readonly #places: BlockPlace | undefined
  readonly #consumed: ((chunk: Uint8Array) => void) | undefined
  readonly #pace: MessagePace | undefined
  /** The pace wants us to wait before the next message. */
  #waits = false
  /** Ends the transformation of the chunk that is held, if one is. */
  #held: Done<Message> | undefined

  #state: number
  /** Fixed-size parts are gathered here; the longest is the handshake. */
  readonly #head = Buffer.allocUnsafe(HANDSHAKE_LENGTH)
  #need: number
  #have = 0
  /** Bytes of the message in hand that are still to come. */
  #left = 0
  #id = 0
  #body: Buffer = this.#head
  #index = 0
  #begin = 0
  #length = 0
  #target: Uint8Array | null = null

  constructor({
    handshake = true,
    maxLength = 1 << 20,
    maxBlock = BLOCK_LENGTH,
    places,
    consumed,
    pace,
  }: FramerOptions = {}) {
    super({
      highWaterMark: 65536,
      byteLengthWritable: chunk => chunk.length || 1,
      byteLengthReadable: () => 64,
    })
    this.#maxLength = maxLength
    this.#maxBlock = maxBlock
    this.#places = places
    this.#consumed = consumed
    this.#pace = pace
    this.#state = handshake ? PART.handshake : PART.length
    this.#need = handshake ? HANDSHAKE_LENGTH : 4
  }

  /** Puts the rest of this block nowhere, if it is the one arriving: somebody else writes it now. */
  divert(index: number, begin: number): void {
    if (this.#state === PART.data && this.#index === index && this.#begin === begin) this.#target = null
  }

  override _transform(chunk: Uint8Array, done: Done<Message>): void {
    this.#cut(chunk, 0, done)
  }

  override _predestroy(): void {
    this.#pace?.cancel()
    this.#held?.() // a stream that is at work is not destroyed before it is done
  }

  #cut(chunk: Uint8Array, from: number, done: Done<Message>): void {
    try {
      let at = from
      while (at < chunk.length) {
        if (this.#waits) {
          this.#hold(chunk, at, done)
          return
        }
        if (this.#state === PART.data) at = this.#takeData(chunk, at)
        else if (this.#state === PART.skip) at = this.#skip(chunk, at)
        else if (this.#state === PART.length && this.#have === 0 && isBlock(chunk, at))
          at = this.#takeHead(chunk, at)
        else at = this.#gather(chunk, at)
      }
    } catch (error) {
      done(error as Error)
      return
    }
    this.#consumed?.(chunk)
    done()
  }

  /** The common case in one go: a block whose head is whole in this chunk. */
  #takeHead(chunk: Uint8Array, at: number): number {
    this.#left = read32(chunk, at)
    this.#id = ID.piece
    this.#begun()
    this.#beginBlock(read32(chunk, at + 5), read32(chunk, at + 9))
    return at + BLOCK_HEAD
  }

  /** Goes on later. Not in the loop itself: a variable that a closure keeps is slower for every block. */
  #hold(chunk: Uint8Array, at: number, done: Done<Message>): void {
    this.#waits = false
    this.#held = done
    this.#pace?.wait(() => {
      this.#held = undefined
      this.#cut(chunk, at, done)
    })
  }

  #pass(message: Message): void {
    this.push(message)
    if (this.#pace?.charge(message) === false) this.#waits = true
  }

  /** Collects a part of known size, wherever the chunks were cut. */
  #gather(chunk: Uint8Array, at: number): number {
    const target = this.#state === PART.body ? this.#body : this.#head
    const end = Math.min(chunk.length, at + this.#need - this.#have)
    if (end - at < 16) for (let i = at; i < end; i++) target[this.#have++] = chunk[i]!
    else {
      target.set(chunk.subarray(at, end), this.#have)
      this.#have += end - at
    }
    if (this.#have === this.#need) this.#gathered()
    return end
  }

  #next(state: number, need: number): void {
    this.#state = state
    this.#need = need
    this.#have = 0
  }

  #gathered(): void {
    const head = this.#head
    switch (this.#state) {
      case PART.handshake:
        this.#pass(decodeHandshake(head))
        this.#next(PART.length, 4)
        return
      case PART.length:
        this.#left = head.readUInt32BE(0)
        if (this.#left === 0) {
          this.#pass({ type: 'keepAlive' })
          this.#next(PART.length, 4)
        } else this.#next(PART.id, 1)
        return
      case PART.id:
        this.#id = head[0]!
        this.#begun()
        return
      case PART.pieceHead:
        this.#beginBlock(head.readUInt32BE(0), head.readUInt32BE(4))
        return
      default:
        this.#pass(decodeBody(this.#id, this.#body))
        this.#next(PART.length, 4)
    }
  }

  /** Length and id are known: refuse what cannot be before any memory is taken. */
  #begun(): void {
    const id = this.#id
    const length = this.#left
    const limit = id === ID.piece ? PIECE_HEAD + this.#maxBlock : this.#maxLength
    if (length > limit) {
      throw new PeerError('ERR_MESSAGE_TOO_LONG', `message ${id} of ${length} bytes, the limit is ${limit}`)
    }
    checkLength(id, length)
    this.#left = length - 1
    if (id === ID.piece) this.#next(PART.pieceHead, 8)
    else if (!isKnown(id)) {
      this.#pass({ type: 'unknown', id })
      this.#state = PART.skip
      if (this.#left === 0) this.#next(PART.length, 4)
    } else if (this.#left === 0) {
      this.#pass(decodeBody(id, EMPTY))
      this.#next(PART.length, 4)
    } else {
      this.#body = Buffer.allocUnsafeSlow(this.#left)
      this.#next(PART.body, this.#left)
    }
  }

  #beginBlock(index: number, begin: number): void {
    this.#left -= 8
    const length = this.#left
    this.#index = index
    this.#begin = begin
    this.#length = length
    this.#state = PART.data
    this.#target = this.#places
      ? this.#places.place(index, begin, length, this)
      : Buffer.allocUnsafeSlow(length)
    if (length === 0) this.#endBlock()
  }

  #takeData(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#left)
    if (this.#target) {
      const part = at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end)
      this.#target.set(part, this.#length - this.#left)
    }
    this.#left -= end - at
    if (this.#left === 0) this.#endBlock()
    return end
  }

  #endBlock(): void {
    const index = this.#index
    const begin = this.#begin
    const length = this.#length
    const data = this.#target
    this.#target = null
    if (data && this.#places) this.#places.placed(index, begin, length)
    else this.push({ type: 'piece', index, begin, length, data })
    this.#next(PART.length, 4)
  }

  #skip(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#left)
    this.#left -= end - at
    if (this.#left === 0) this.#next(PART.length, 4)
    return end
  }
}

/** Whether a piece message begins at `at`, its head not cut off. */
function isBlock(chunk: Uint8Array, at: number): boolean {
  return chunk.length - at >= BLOCK_HEAD && chunk[at + 4] === ID.piece && read32(chunk, at) > 0
}

function read32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}
