/**
 * Computes the CRC-32C of `bytes` (Castagnoli, RFC 3720), an unsigned 32-bit number. `zlib.crc32` uses another
 * polynomial.
 */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 255]!
  return ~crc >>> 0
}

/** The CRC of each byte value, for the polynomial 0x1edc6f41 with its bits reversed. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})
