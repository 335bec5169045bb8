import { addressBytes } from './address-bytes.ts'
import type { PeerAddress } from './compact.ts'
import { crc32c } from './crc32c.ts'

/**
 * Computes the priority of a connection between two peers (BEP 40): an unsigned 32-bit number, the same at both ends.
 * Connections with a higher priority are preferred. `a` and `b` are the addresses as the other end sees them. The
 * result is 0, the lowest, if both ends cannot compute the same number: for a host name, or for addresses of different
 * families.
 */
export function peerPriority(a: PeerAddress, b: PeerAddress): number {
  const first = addressBytes(a.host)
  const second = addressBytes(b.host)
  if (!first || first.length !== second?.length) return 0
  if (first.equals(second)) return crc32c(sorted(portOf(a), portOf(b)))
  const kept = keptBytes(first, second)
  return crc32c(sorted(maskAddress(first, kept), maskAddress(second, kept)))
}

function portOf({ port }: PeerAddress): Buffer {
  return Buffer.from([port >> 8, port & 255])
}

/** Number of bytes that are not masked: 2 of IPv4, 6 of IPv6, and more if the two addresses share a longer prefix. */
function keptBytes(a: Buffer, b: Buffer): number {
  let kept = a.length === 4 ? 2 : 6
  if (a.compare(b, 0, kept, 0, kept) !== 0) return kept
  while (a[kept] === b[kept]) kept++
  return kept + 1
}

function maskAddress(bytes: Buffer, kept: number): Buffer {
  return Buffer.from(bytes.map((byte, at) => (at < kept ? byte : byte & 0x55)))
}

function sorted(a: Buffer, b: Buffer): Buffer {
  return Buffer.concat(a.compare(b) <= 0 ? [a, b] : [b, a])
}
