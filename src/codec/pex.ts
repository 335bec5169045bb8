/** Peer exchange: the payload of ut_pex (BEP 11). */

import { asBytes, asDict, type BencodeValue, decode, encode } from './bencode.ts'
import { checkArgument, checkRequired } from './check-arguments.ts'
import { decodePeers4, decodePeers6, encodePeers4, encodePeers6, type PeerAddress } from './compact.ts'

/** The flags of a peer (BEP 11). */
export const PEX_FLAGS = {
  encryption: 0x01,
  seed: 0x02,
  utp: 0x04,
  holepunch: 0x08,
  reachable: 0x10,
} as const

/** A peer in a PEX message. */
export interface PexPeer extends PeerAddress {
  /** Bits of `PEX_FLAGS`. Unknown bits may be set. */
  readonly flags: number
}

/** A PEX message: the peers that the sender connected to, and disconnected from, since its last message. */
export interface PexMessage {
  readonly added: readonly PexPeer[]
  readonly dropped: readonly PeerAddress[]
}

/** Maximum number of added addresses, and of dropped ones, over both families (BEP 11). More are not read. */
export const MAX_PEX = 50

/** Encodes the payload. Pass at most `MAX_PEX` peers in each list. Host names are omitted. */
export function encodePex(message: PexMessage): Buffer {
  checkRequired(message, { added: 'array', dropped: 'array' })
  const { added, dropped } = message
  const flagsOf = (six: boolean) =>
    Buffer.from(added.filter(({ host }) => host.includes(':') === six).map(({ flags }) => flags))
  return encode({
    added: encodePeers4(added),
    'added.f': flagsOf(false),
    added6: encodePeers6(added),
    'added6.f': flagsOf(true),
    dropped: encodePeers4(dropped),
    dropped6: encodePeers6(dropped),
  })
}

/** Decodes a payload. It never throws: it returns undefined for an invalid payload and omits invalid fields. */
export function decodePex(payload: Uint8Array): PexMessage | undefined {
  checkArgument('payload', payload, 'bytes')
  let value: BencodeValue
  try {
    value = decode(payload, { maxDepth: 4, maxItems: 64, allowTrailing: true })
  } catch {
    return undefined
  }
  const dict = asDict(value)
  if (!dict) return undefined
  const added = [
    ...decodePexPeers(dict.added, 4, asBytes(dict['added.f'])),
    ...decodePexPeers(dict.added6, 16, asBytes(dict['added6.f'])),
  ]
  const dropped = [...decodePexPeers(dict.dropped, 4), ...decodePexPeers(dict.dropped6, 16)]
  return {
    added: added.slice(0, MAX_PEX),
    dropped: dropped.slice(0, MAX_PEX).map(({ host, port }) => ({ host, port })),
  }
}

/** Returns the first `MAX_PEX` addresses of a field. Missing flags are 0. */
function decodePexPeers(value: BencodeValue | undefined, size: 4 | 16, flags?: Uint8Array): PexPeer[] {
  const compact = asBytes(value)
  const width = size + 2
  // A length that is not a multiple of the width means that the entries cannot be located.
  if (!compact || compact.length % width !== 0) return []
  const count = Math.min(MAX_PEX, compact.length / width)
  return Array.from({ length: count }, (_, index) => {
    const entry = compact.subarray(index * width, (index + 1) * width)
    const peers = size === 4 ? decodePeers4(entry) : decodePeers6(entry)
    return peers.map(({ host, port }) => ({ host, port, flags: flags?.[index] ?? 0 }))
  }).flat()
}
