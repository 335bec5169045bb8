/** Peers that tell each other of peers: the payload of ut_pex (BEP 11). */
import { asDict, type BencodeValue, bytes, decode, encode } from './bencode.ts'
import { decodePeers4, decodePeers6, encodePeers4, encodePeers6, type PeerAddress } from './compact.ts'

/** What is said of a peer, a bit each (BEP 11). */
export const PEX_FLAGS = {
  encryption: 0x01,
  seed: 0x02,
  utp: 0x04,
  holepunch: 0x08,
  reachable: 0x10,
} as const

/** A peer, as another one tells of it. */
export interface PexPeer extends PeerAddress {
  /** Of `PEX_FLAGS`; bits that nobody has named may be set. */
  readonly flags: number
}

/** Whom the sender is connected with since its last message, and with whom no longer. */
export interface Pex {
  readonly added: readonly PexPeer[]
  readonly dropped: readonly PeerAddress[]
}

/** Addresses of a message, added and dropped ones each, over both families (BEP 11): more are not read. */
export const MAX_PEX = 50

/** Writes the payload. At most `MAX_PEX` each, addresses only: names are left out. */
export function encodePex({ added, dropped }: Pex): Buffer {
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

/** Reads a payload. Never throws: undefined where it is none; a part that cannot be read is left out. */
export function decodePex(payload: Uint8Array): Pex | undefined {
  let value: BencodeValue
  try {
    value = decode(payload, { maxDepth: 4, allowTrailing: true })
  } catch {
    return undefined
  }
  const dict = asDict(value)
  if (!dict) return undefined
  const added = [
    ...entries(dict.added, 4, bytes(dict['added.f'])),
    ...entries(dict.added6, 16, bytes(dict['added6.f'])),
  ]
  const dropped = [...entries(dict.dropped, 4), ...entries(dict.dropped6, 16)]
  return {
    added: added.slice(0, MAX_PEX),
    dropped: dropped.slice(0, MAX_PEX).map(({ host, port }) => ({ host, port })),
  }
}

/** The first `MAX_PEX` addresses of a field; flags that are not there are none. */
function entries(value: BencodeValue | undefined, size: 4 | 16, flags?: Uint8Array): PexPeer[] {
  const compact = bytes(value)
  const width = size + 2
  // of a length that cannot be, nobody knows where an address begins
  if (!compact || compact.length % width !== 0) return []
  const count = Math.min(MAX_PEX, compact.length / width)
  return Array.from({ length: count }, (_, index) => {
    const entry = compact.subarray(index * width, (index + 1) * width)
    const peers = size === 4 ? decodePeers4(entry) : decodePeers6(entry)
    return peers.map(({ host, port }) => ({ host, port, flags: flags?.[index] ?? 0 }))
  }).flat()
}
