import { createHash } from 'node:crypto'
import { addressBytes } from './compact.ts'

/** All that the set depends on: everybody who allows a peer pieces comes to the same ones. */
export interface AllowedFastOptions {
  /** The peer's address as we see it; of an IPv4 one, its first three octets count. */
  readonly address: string
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** Pieces of the torrent. */
  readonly pieceCount: number
  /** Pieces to allow; BEP 6 suggests 10. A longer set begins with the shorter one. */
  readonly count: number
}

/**
 * The pieces that a peer may ask for while it is choked, in the order of the canonical algorithm (BEP 6); all pieces,
 * from 0 on, when there are no more than `count`. None for anything but an IPv4 address: BEP 6 has no provision for
 * IPv6, and libtorrent's, to hash all 16 bytes, gives another set to each of the 2^64 addresses that one host can take.
 */
export function allowedFastSet({ address, infoHash, pieceCount, count }: AllowedFastOptions): number[] {
  const network = networkOf(address)
  if (!network) return []
  if (count >= pieceCount) return Array.from({ length: pieceCount }, (_, index) => index)
  const allowed = new Set<number>()
  let hash = Buffer.concat([network, infoHash])
  while (allowed.size < count) {
    hash = createHash('sha1').update(hash).digest()
    for (let at = 0; at < 20 && allowed.size < count; at += 4) allowed.add(hash.readUInt32BE(at) % pieceCount)
  }
  return [...allowed]
}

/** The /24 of an IPv4 address, as four bytes. */
function networkOf(address: string): Buffer | undefined {
  const bytes = addressBytes(address)
  return bytes?.length === 4 ? Buffer.from([...bytes.subarray(0, 3), 0]) : undefined
}
