import { PeerError } from '../errors.ts'
import { checkArgument } from './check-arguments.ts'
import { encodeHandshake, type Handshake } from './handshake.ts'
import {
  decodeHashes,
  decodeRange,
  encodeRange,
  type HashRange,
  NODE_LENGTH,
  RANGE_BYTES,
} from './hash-range.ts'

/** Length of a block in bytes, the unit of a request. Clients close the connection on longer requests (BEP 3). */
export const BLOCK_LENGTH = 16384

/** A range of bytes within a piece. */
export interface BlockRef {
  readonly index: number
  /** Offset from the start of the piece, in bytes. */
  readonly begin: number
  /** Bytes. */
  readonly length: number
}

/** A block. `data` is null if we did not request the block; its bytes were skipped. */
export interface PieceMessage extends BlockRef {
  readonly type: 'piece'
  readonly data: Uint8Array | null
}

/** The hashes of a range, and then its proofs, 32 bytes each (BEP 52). */
export interface HashesMessage extends HashRange {
  readonly type: 'hashes'
  readonly hashes: Uint8Array
}

/** A message of the peer protocol (BEP 3, BEP 5, BEP 6, BEP 10, BEP 52). */
export type Message =
  | Handshake
  | { readonly type: 'keepAlive' | 'choke' | 'unchoke' | 'interested' | 'notInterested' }
  /** Sent in place of a bitfield (BEP 6). */
  | { readonly type: 'haveAll' | 'haveNone' }
  /** `have` announces a piece, `suggest` recommends a request, `allowedFast` permits a request while choked. */
  | { readonly type: 'have' | 'suggest' | 'allowedFast'; readonly index: number }
  | { readonly type: 'bitfield'; readonly bytes: Uint8Array }
  | ({ readonly type: 'request' | 'cancel' | 'reject' } & BlockRef)
  | PieceMessage
  | { readonly type: 'port'; readonly port: number }
  | { readonly type: 'extended'; readonly id: number; readonly payload: Uint8Array }
  /** A request for hashes of a Merkle tree, and its rejection (BEP 52). */
  | ({ readonly type: 'hashRequest' | 'hashReject' } & HashRange)
  | HashesMessage
  /** A message with an unknown id. Its payload was skipped. */
  | { readonly type: 'unknown'; readonly id: number }

/** The id of each message type (BEP 3, BEP 5, BEP 6, BEP 10, BEP 52). */
export const MESSAGE_IDS = {
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
  hashRequest: 21,
  hashes: 22,
  hashReject: 23,
} as const

/** Length of the fields of a piece message before its data, without the length prefix: id, index, begin. */
export const PIECE_HEAD = 9

/** The length of each fixed-length message, including its id. */
const FIXED_LENGTHS: Readonly<Record<number, number>> = {
  [MESSAGE_IDS.choke]: 1,
  [MESSAGE_IDS.unchoke]: 1,
  [MESSAGE_IDS.interested]: 1,
  [MESSAGE_IDS.notInterested]: 1,
  [MESSAGE_IDS.have]: 5,
  [MESSAGE_IDS.request]: 13,
  [MESSAGE_IDS.cancel]: 13,
  [MESSAGE_IDS.port]: 3,
  [MESSAGE_IDS.suggest]: 5,
  [MESSAGE_IDS.haveAll]: 1,
  [MESSAGE_IDS.haveNone]: 1,
  [MESSAGE_IDS.reject]: 13,
  [MESSAGE_IDS.allowedFast]: 5,
  [MESSAGE_IDS.hashRequest]: 1 + RANGE_BYTES,
  [MESSAGE_IDS.hashReject]: 1 + RANGE_BYTES,
}

/** The least length of each other message with a payload, including its id. */
const LEAST_LENGTHS: Readonly<Record<number, number>> = {
  [MESSAGE_IDS.piece]: PIECE_HEAD,
  [MESSAGE_IDS.extended]: 2,
  [MESSAGE_IDS.hashes]: 1 + RANGE_BYTES,
}

/**
 * Checks that a message of this id can have this length, including the id.
 * @throws PeerError if it cannot
 */
export function checkMessageLength(id: number, length: number): void {
  const fixed = FIXED_LENGTHS[id]
  const minLength = LEAST_LENGTHS[id] ?? 1
  const isWhole = id !== MESSAGE_IDS.hashes || (length - minLength) % NODE_LENGTH === 0
  if (fixed === undefined ? length < minLength || !isWhole : length !== fixed) {
    throw new PeerError(
      'ERR_MESSAGE',
      `message ${id} with length ${length}, expected ${fixed ?? `at least ${minLength}`}`,
    )
  }
}

/** The types of the messages without a payload, by id. */
const EMPTY_MESSAGES = ['choke', 'unchoke', 'interested', 'notInterested'] as const

/** Returns true if `decodeBody` decodes messages of this id. */
export function isKnownType(id: number): boolean {
  return (
    id <= MESSAGE_IDS.port ||
    (id >= MESSAGE_IDS.suggest && id <= MESSAGE_IDS.allowedFast) ||
    (id >= MESSAGE_IDS.extended && id <= MESSAGE_IDS.hashReject)
  )
}

/**
 * Decodes the body of a message, which follows its id. `Framer` decodes piece messages itself.
 * @param body is kept by the message, so the caller must not reuse it
 * @throws PeerError ERR_MESSAGE for hashes that are more or fewer than those of their range
 */
export function decodeBody(id: number, body: Buffer): Message {
  const type = EMPTY_MESSAGES[id]
  if (type) return { type }
  switch (id) {
    case MESSAGE_IDS.have:
      return { type: 'have', index: body.readUInt32BE(0) }
    case MESSAGE_IDS.bitfield:
      return { type: 'bitfield', bytes: body }
    case MESSAGE_IDS.request:
    case MESSAGE_IDS.cancel:
    case MESSAGE_IDS.reject:
      return {
        type: id === MESSAGE_IDS.request ? 'request' : id === MESSAGE_IDS.cancel ? 'cancel' : 'reject',
        index: body.readUInt32BE(0),
        begin: body.readUInt32BE(4),
        length: body.readUInt32BE(8),
      }
    case MESSAGE_IDS.port:
      return { type: 'port', port: body.readUInt16BE(0) }
    case MESSAGE_IDS.haveAll:
      return { type: 'haveAll' }
    case MESSAGE_IDS.haveNone:
      return { type: 'haveNone' }
    case MESSAGE_IDS.suggest:
    case MESSAGE_IDS.allowedFast:
      return { type: id === MESSAGE_IDS.suggest ? 'suggest' : 'allowedFast', index: body.readUInt32BE(0) }
    case MESSAGE_IDS.extended:
      return { type: 'extended', id: body[0]!, payload: body.subarray(1) }
    case MESSAGE_IDS.hashRequest:
    case MESSAGE_IDS.hashReject:
      return { type: id === MESSAGE_IDS.hashRequest ? 'hashRequest' : 'hashReject', ...decodeRange(body) }
    case MESSAGE_IDS.hashes:
      return { type: 'hashes', ...decodeHashes(body) }
    default:
      return { type: 'unknown', id }
  }
}

/** Returns the length of an encoded message in bytes, including its length prefix. */
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
    case 'hashRequest':
    case 'hashReject':
      return 5 + RANGE_BYTES
    case 'hashes':
      return 5 + RANGE_BYTES + message.hashes.length
    default:
      return 5
  }
}

/**
 * Encodes a message into `target` at offset `at`. There must be room for `encodedLength(message)` bytes.
 * @returns the offset after the message
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
  target[at++] = type === 'unknown' ? message.id : MESSAGE_IDS[type]
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
    case 'hashRequest':
    case 'hashReject':
      return encodeRange(message, target, at)
    case 'hashes':
      target.set(message.hashes, encodeRange(message, target, at))
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

/** Does the same as `writeUInt32BE` without its checks, since a download of 1 GiB encodes 65,536 requests. */
function put32(value: number, target: Buffer, at: number): number {
  target[at] = value >>> 24
  target[at + 1] = value >>> 16
  target[at + 2] = value >>> 8
  target[at + 3] = value
  return at + 4
}

/** Encodes a message into a new buffer. */
export function encodeMessage(message: Message): Buffer {
  checkArgument('message', message, 'object')
  const bytes = Buffer.allocUnsafe(encodedLength(message))
  encodeInto(message, bytes, 0)
  return bytes
}
