import { addressBytes, type PeerAddress } from './compact.ts'
import { crc32c } from './crc32c.ts'

/**
 * How much two peers ought to be connected (BEP 40): an unsigned 32-bit number, the same from both ends, higher first.
 * `a` and `b` are addresses as the other end sees them. It is 0, the least, where there is nothing that both ends
 * could agree on: for a name, or an IPv4 and an IPv6 address.
 */
export function peerPriority(a: PeerAddress, b: PeerAddress): number {
  const first = addressBytes(a.host)
  const second = addressBytes(b.host)
  if (!first || first.length !== second?.length) return 0
  if (first.equals(second)) return crc32c(sorted(portOf(a), portOf(b)))
  const kept = keptBytes(first, second)
  return crc32c(sorted(masked(first, kept), masked(second, kept)))
}

function portOf({ port }: PeerAddress): Buffer {
  return Buffer.from([port >> 8, port & 255])
}

/** How many bytes count in full: 2 of IPv4 and 6 of IPv6, and one more for each byte in which near addresses agree. */
function keptBytes(a: Buffer, b: Buffer): number {
  let kept = a.length === 4 ? 2 : 6
  if (a.compare(b, 0, kept, 0, kept) !== 0) return kept
  while (a[kept] === b[kept]) kept++
  return kept + 1
}

function masked(bytes: Buffer, kept: number): Buffer {
  return Buffer.from(bytes.map((byte, at) => (at < kept ? byte : byte & 0x55)))
}

function sorted(a: Buffer, b: Buffer): Buffer {
  return Buffer.concat(a.compare(b) <= 0 ? [a, b] : [b, a])
}
