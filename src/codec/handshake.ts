import { InputError, PeerError } from '../errors.ts'
import { checkArgument, checkRequired } from './check-arguments.ts'

/** The first 20 bytes of every handshake: the length and name of the protocol (BEP 3). */
export const PROTOCOL_PREFIX: Buffer = Buffer.from('\x13BitTorrent protocol', 'latin1')

/** Length of a handshake in bytes (BEP 3). */
export const HANDSHAKE_LENGTH = 68

/** The first message of each side (BEP 3). */
export interface Handshake {
  readonly type: 'handshake'
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** 20 bytes. */
  readonly peerId: Uint8Array
  /** 8 bytes of flags: see `EXTENSION_BITS`. */
  readonly reserved: Uint8Array
}

/** The position of each known flag in the 8 reserved bytes, as [byte, bit] (BEP 10, 6, 5, 52). */
const EXTENSION_BITS = { extended: [5, 0x10], fast: [7, 0x04], dht: [7, 0x01], v2: [7, 0x10] } as const

/** Returns true if a flag is set in the reserved bytes. */
export function supports(reserved: Uint8Array, flag: keyof typeof EXTENSION_BITS): boolean {
  checkArgument('reserved', reserved, 'bytes')
  const [byte, bit] = bitOf(flag)
  return (reserved[byte]! & bit) !== 0
}

/** Returns reserved bytes with these flags set. */
export function reservedBytes(...flags: (keyof typeof EXTENSION_BITS)[]): Uint8Array {
  const reserved = new Uint8Array(8)
  for (const [byte, bit] of flags.map(bitOf)) reserved[byte]! |= bit
  return reserved
}

/** Encodes a handshake, 68 bytes (BEP 3). */
export function encodeHandshake(handshake: Omit<Handshake, 'type'>): Buffer {
  checkRequired(handshake, { infoHash: 'id', peerId: 'id', reserved: 'bytes' })
  const { infoHash, peerId, reserved } = handshake
  return Buffer.concat([PROTOCOL_PREFIX, reserved, infoHash, peerId], HANDSHAKE_LENGTH)
}

/**
 * Decodes a handshake from 68 bytes, which are copied.
 * @throws PeerError if they do not begin with `PROTOCOL_PREFIX`
 */
export function decodeHandshake(bytes: Uint8Array): Handshake {
  checkArgument('bytes', bytes, 'bytes')
  if (PROTOCOL_PREFIX.compare(bytes, 0, PROTOCOL_PREFIX.length) !== 0) {
    const start = Buffer.from(bytes.subarray(0, 20)).toString('latin1')
    throw new PeerError(
      'ERR_HANDSHAKE',
      `not a BitTorrent handshake: it begins with ${JSON.stringify(start)}`,
    )
  }
  const own = Uint8Array.from(bytes) // the caller reuses its buffer
  return {
    type: 'handshake',
    reserved: own.subarray(20, 28),
    infoHash: own.subarray(28, 48),
    peerId: own.subarray(48, 68),
  }
}

function bitOf(flag: keyof typeof EXTENSION_BITS): readonly [byte: number, bit: number] {
  if (Object.hasOwn(EXTENSION_BITS, flag)) return EXTENSION_BITS[flag]
  throw new InputError('ERR_USAGE', `flag: expected ${Object.keys(EXTENSION_BITS).join(', ')}`)
}
