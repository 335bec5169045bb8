import { addressBytes } from './compact.ts'

/** Blocks of IPv4 addresses that are not of the public Internet (RFC 6890): first bytes and bits. */
const RESERVED: readonly (readonly [first: number, bits: number])[] = [
  [0x00000000, 8],
  [0x0a000000, 8],
  [0x64400000, 10],
  [0x7f000000, 8],
  [0xa9fe0000, 16],
  [0xac100000, 12],
  [0xc0000000, 24],
  [0xc0a80000, 16],
  [0xc6120000, 15],
  [0xe0000000, 3],
]

/**
 * Whether an IP address is one of the public Internet: not this machine, not its network, not reserved. IPv6 addresses
 * that stand for an IPv4 one (mapped, NAT64, 6to4) are what that is. False for anything else, names among it.
 */
export function isGlobalAddress(address: string): boolean {
  const bytes = addressBytes(address.replace(/%.*$/, ''))
  if (!bytes) return false
  if (bytes.length === 4) return isGlobal4(bytes)
  const head = bytes.subarray(0, 12).toString('hex')
  if (head === '00000000000000000000ffff' || head === '0064ff9b0000000000000000')
    return isGlobal4(bytes.subarray(12))
  if (head.startsWith('2002')) return isGlobal4(bytes.subarray(2, 6))
  return bytes[0]! >> 5 === 1 // 2000::/3 is all that was given out
}

function isGlobal4(bytes: Buffer): boolean {
  const address = bytes.readUInt32BE(0)
  return !RESERVED.some(([first, bits]) => (address ^ first) >>> (32 - bits) === 0)
}
