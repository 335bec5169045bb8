import { PeerError } from '../errors.ts'

/** What every handshake begins with. */
export const PROTOCOL: Buffer = Buffer.from('\x13BitTorrent protocol', 'latin1')

/** Bytes of a handshake on the wire (BEP 3). */
export const HANDSHAKE_LENGTH = 68

/** The first thing that each side says (BEP 3). */
export interface Handshake {
  readonly type: 'handshake'
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** 20 bytes. */
  readonly peerId: Uint8Array
  /** Eight bytes of flags: see `RESERVED`. */
  readonly reserved: Uint8Array
}

/** Where the flags that we know stand in the eight reserved bytes: [byte, bit] (BEP 10, BEP 6, BEP 5). */
export const RESERVED = { extended: [5, 0x10], fast: [7, 0x04], dht: [7, 0x01] } as const

/** Whether a flag is set in the eight reserved bytes. */
export function supports(reserved: Uint8Array, flag: keyof typeof RESERVED): boolean {
  const [byte, bit] = RESERVED[flag]
  return (reserved[byte]! & bit) !== 0
}

/** The eight reserved bytes with these flags set. */
export function reservedBytes(...flags: (keyof typeof RESERVED)[]): Uint8Array {
  const reserved = new Uint8Array(8)
  for (const flag of flags) reserved[RESERVED[flag][0]]! |= RESERVED[flag][1]
  return reserved
}

export function encodeHandshake({ infoHash, peerId, reserved }: Omit<Handshake, 'type'>): Buffer {
  return Buffer.concat([PROTOCOL, reserved, infoHash, peerId], HANDSHAKE_LENGTH)
}

/**
 * Reads 68 bytes.
 * @throws PeerError when they do not begin as BitTorrent does
 */
export function decodeHandshake(bytes: Uint8Array): Handshake {
  if (PROTOCOL.compare(bytes, 0, PROTOCOL.length) !== 0) {
    const start = Buffer.from(bytes.subarray(0, 20)).toString('latin1')
    throw new PeerError(
      'ERR_HANDSHAKE',
      `not a BitTorrent handshake: it begins with ${JSON.stringify(start)}`,
    )
  }
  const own = Uint8Array.from(bytes) // the caller's buffer is used again
  return {
    type: 'handshake',
    reserved: own.subarray(20, 28),
    infoHash: own.subarray(28, 48),
    peerId: own.subarray(48, 68),
  }
}
