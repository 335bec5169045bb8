/** Messages built without the encoder of tsdl, with which tests compare the encoder. */

/** Returns a message: a 4-byte length, a 1-byte id, a payload. */
export function msg(id: number, payload: Uint8Array | readonly number[] = []): Buffer {
  return Buffer.concat([u32(payload.length + 1), Buffer.from([id]), Buffer.from(payload)])
}

/** Returns big-endian 32-bit numbers, concatenated. */
export function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, 4 * at)
  return bytes
}

/** Returns a piece message. */
export function pieceMsg(index: number, begin: number, data: Uint8Array): Buffer {
  return msg(7, Buffer.concat([u32(index, begin), data]))
}

export const KEEP_ALIVE = u32(0)
export const CHOKE_BYTES = msg(0)
export const UNCHOKE_BYTES = msg(1)

/** The eight reserved bytes of a handshake: nothing, the extension protocol (BEP 10), that and the fast extension. */
export const RESERVED_BYTES = {
  plain: Buffer.alloc(8),
  extended: Buffer.from('0000000000100000', 'hex'),
  fast: Buffer.from('0000000000100004', 'hex'),
} as const

export const INFO_HASH = Buffer.from('aa'.repeat(20), 'hex')
export const PEER_ID = Buffer.from('-TR300Z-w4bd4mkebkbi')
/** Returns a handshake of 68 bytes with the bit of the extension protocol (BEP 10). */
export const HANDSHAKE_BYTES = Buffer.concat([
  Buffer.from('\x13BitTorrent protocol', 'latin1'),
  Buffer.from('0000000000100000', 'hex'),
  INFO_HASH,
  PEER_ID,
])
