import { PeerError } from '../errors.ts'
import { encodeHandshake, type Handshake } from './handshake.ts'

/** Bytes of a block: what is asked for at once. Larger requests get a connection closed (BEP 3). */
export const BLOCK_LENGTH = 16384

/** A run of bytes within a piece. */
export interface BlockRef {
  readonly index: number
  /** Bytes from the piece's start. */
  readonly begin: number
  /** Bytes. */
  readonly length: number
}

/** A block; `data` is null when nobody had asked for it, and its bytes were skipped. */
export interface PieceMessage extends BlockRef {
  readonly type: 'piece'
  readonly data: Uint8Array | null
}

/** Everything that one side of a wire can say (BEP 3, BEP 6, BEP 10). */
export type Message =
  | Handshake
  | { readonly type: 'keepAlive' | 'choke' | 'unchoke' | 'interested' | 'notInterested' }
  /** In place of a bitfield: every piece, or none. */
  | { readonly type: 'haveAll' | 'haveNone' }
  /** Of one piece: that it is there, that it would be welcome to ask for it, or allowed even while choked. */
  | { readonly type: 'have' | 'suggest' | 'allowedFast'; readonly index: number }
  | { readonly type: 'bitfield'; readonly bytes: Uint8Array }
  | ({ readonly type: 'request' | 'cancel' | 'reject' } & BlockRef)
  | PieceMessage
  | { readonly type: 'port'; readonly port: number }
  | { readonly type: 'extended'; readonly id: number; readonly payload: Uint8Array }
  /** An id that we do not know: skipped. */
  | { readonly type: 'unknown'; readonly id: number }

/** Wire ids (BEP 3, 5, 6, 10). */
export const ID = {
  choke: 0,
  unchoke: 1,
  interested: 2,
  notInterested: 3,
  have: 4,
  bitfield: 5,
  request: 6,
  piece: 7,
  cancel: 8,
  port: 9,
  suggest: 13,
  haveAll: 14,
  haveNone: 15,
  reject: 16,
  allowedFast: 17,
  extended: 20,
} as const

/** Bytes of a piece message ahead of its data, after the length: id, index, begin. */
export const PIECE_HEAD = 9

/** The one length, id included, that a message of this id can have; undefined where it varies. */
const FIXED_LENGTH: Readonly<Record<number, number>> = {
  [ID.choke]: 1,
  [ID.unchoke]: 1,
  [ID.interested]: 1,
  [ID.notInterested]: 1,
  [ID.have]: 5,
  [ID.request]: 13,
  [ID.cancel]: 13,
  [ID.port]: 3,
  [ID.suggest]: 5,
  [ID.haveAll]: 1,
  [ID.haveNone]: 1,
  [ID.reject]: 13,
  [ID.allowedFast]: 5,
}

/**
 * Refuses a length, id included, that a message of this id cannot have.
 * @throws PeerError
 */
export function checkLength(id: number, length: number): void {
  const fixed = FIXED_LENGTH[id]
  const least = id === ID.piece ? PIECE_HEAD : id === ID.extended ? 2 : 1
  if (fixed === undefined ? length < least : length !== fixed) {
    throw new PeerError(
      'ERR_MESSAGE',
      `message ${id} with length ${length}, expected ${fixed ?? `at least ${least}`}`,
    )
  }
}

const PLAIN = ['choke', 'unchoke', 'interested', 'notInterested'] as const

/** Whether an id is one that `decodeBody` reads. */
export function isKnown(id: number): boolean {
  return id <= ID.port || (id >= ID.suggest && id <= ID.allowedFast) || id === ID.extended
}

/**
 * Reads a message's body: what follows its id. Piece messages do not come through here, see `Framer`.
 * @param body its own memory: the message keeps it
 */
export function decodeBody(id: number, body: Buffer): Message {
  const plain = PLAIN[id]
  if (plain) return { type: plain }
  switch (id) {
    case ID.have:
      return { type: 'have', index: body.readUInt32BE(0) }
    case ID.bitfield:
      return { type: 'bitfield', bytes: body }
    case ID.request:
    case ID.cancel:
    case ID.reject:
      return {
        type: id === ID.request ? 'request' : id === ID.cancel ? 'cancel' : 'reject',
        index: body.readUInt32BE(0),
        begin: body.readUInt32BE(4),
        length: body.readUInt32BE(8),
      }
    case ID.port:
      return { type: 'port', port: body.readUInt16BE(0) }
    case ID.haveAll:
      return { type: 'haveAll' }
    case ID.haveNone:
      return { type: 'haveNone' }
    case ID.suggest:
    case ID.allowedFast:
      return { type: id === ID.suggest ? 'suggest' : 'allowedFast', index: body.readUInt32BE(0) }
    case ID.extended:
      return { type: 'extended', id: body[0]!, payload: body.subarray(1) }
    default:
      return { type: 'unknown', id }
  }
}

/** Bytes that a message takes on the wire, its length prefix included. */
export function encodedLength(message: Message): number {
  switch (message.type) {
    case 'handshake':
      return 68
    case 'keepAlive':
      return 4
    case 'request':
    case 'cancel':
    case 'reject':
      return 17
    case 'piece':
      return 4 + PIECE_HEAD + message.length
    case 'have':
    case 'suggest':
    case 'allowedFast':
      return 9
    case 'bitfield':
      return 5 + message.bytes.length
    case 'port':
      return 7
    case 'extended':
      return 6 + message.payload.length
    default:
      return 5
  }
}

/**
 * Writes a message into `target` at `at`, which has room for `encodedLength(message)`.
 * @returns where the next one begins
 */
export function encodeInto(message: Message, target: Buffer, at: number): number {
  const { type } = message
  if (type === 'handshake') {
    target.set(encodeHandshake(message), at)
    return at + 68
  }
  const end = at + encodedLength(message)
  at = put32(end - at - 4, target, at)
  if (type === 'keepAlive') return at
  at = target.writeUInt8(type === 'unknown' ? message.id : ID[type], at)
  switch (type) {
    case 'request':
    case 'cancel':
    case 'reject':
      at = put32(message.index, target, at)
      at = put32(message.begin, target, at)
      return put32(message.length, target, at)
    case 'piece':
      at = target.writeUInt32BE(message.index, at)
      at = target.writeUInt32BE(message.begin, at)
      if (message.data) target.set(message.data, at)
      return end
    case 'have':
    case 'suggest':
    case 'allowedFast':
      return target.writeUInt32BE(message.index, at)
    case 'bitfield':
      target.set(message.bytes, at)
      return end
    case 'port':
      return target.writeUInt16BE(message.port, at)
    case 'extended':
      at = target.writeUInt8(message.id, at)
      target.set(message.payload, at)
      return end
    default:
      return end
  }
}

/** As `writeUInt32BE`, without its checks: sixty thousand requests a GiB go through here. */
function put32(value: number, target: Buffer, at: number): number {
  target[at] = value >>> 24
  target[at + 1] = value >>> 16
  target[at + 2] = value >>> 8
  target[at + 3] = value
  return at + 4
}

/** One message in memory of its own. */
export function encodeMessage(message: Message): Buffer {
  const bytes = Buffer.allocUnsafe(encodedLength(message))
  encodeInto(message, bytes, 0)
  return bytes
}
