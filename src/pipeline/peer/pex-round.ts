import { formatAddress, type PeerAddress } from '../../codec/compact.ts'
import { PEX_FLAGS, type PexPeer } from '../../codec/pex.ts'
import type { Peer } from './peer.ts'

/** Sends each peer that is due the known listening addresses of the others (BEP 11). */
export function exchangePeers(
  peers: ReadonlyMap<Peer, { readonly address: PeerAddress } | undefined>,
  now: number,
): void {
  const due = [...peers.keys()].filter(peer => peer.ready && peer.extensions.pexIsDue(now))
  if (due.length === 0) return
  const connected = new Map<string, PexPeer>()
  for (const [peer, candidate] of peers) {
    if (!peer.ready || !candidate) continue
    connected.set(formatAddress(candidate.address), { ...candidate.address, flags: pexFlagsOf(peer) })
  }
  for (const peer of due) {
    const own = peers.get(peer)?.address
    peer.extensions.sendPex(connected, own && formatAddress(own), now)
  }
}

/** Returns the flags of a peer in PEX messages. */
function pexFlagsOf({ extendedHandshake, encrypted, incoming, uploadOnly }: Peer): number {
  return (
    (encrypted ? PEX_FLAGS.encryption : 0) |
    (uploadOnly ? PEX_FLAGS.seed : 0) |
    (extendedHandshake.extensions.get('ut_holepunch') ? PEX_FLAGS.holepunch : 0) |
    (incoming ? 0 : PEX_FLAGS.reachable)
  )
}
