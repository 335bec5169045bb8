import { createHash } from 'node:crypto'
import { addressBytes } from './address-bytes.ts'

/** The inputs of the set. The same inputs give the same set in every client. */
export interface AllowedFastOptions {
  /** The peer's address as we see it. Only the first three octets of an IPv4 address are used. */
  readonly address: string
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** Number of pieces in the torrent. */
  readonly pieceCount: number
  /** Number of pieces to allow. BEP 6 suggests 10. A longer set begins with the shorter one. */
  readonly count: number
}

/**
 * Returns the pieces that a peer may request while it is choked, in the order of the canonical algorithm (BEP 6). A
 * torrent of `count` pieces or fewer allows all of them, in ascending order.
 *
 * Only an IPv4 address has a set. BEP 6 does not define one for IPv6. libtorrent hashes all 16 bytes, which gives a
 * different set to each of the 2^64 addresses that one host can take.
 */
export function allowedFastSet({ address, infoHash, pieceCount, count }: AllowedFastOptions): number[] {
  const network = networkPrefix(address)
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

/** Returns the /24 of an IPv4 address as four bytes. */
function networkPrefix(address: string): Buffer | undefined {
  const bytes = addressBytes(address)
  return bytes?.length === 4 ? Buffer.from([...bytes.subarray(0, 3), 0]) : undefined
}
