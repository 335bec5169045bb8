import { formatAddress, type PeerAddress } from '../../codec/compact.ts'
import type { PexPeer } from '../../codec/pex.ts'
import type { Peer } from './peer.ts'

/** Tells the peers that are due of the others (BEP 11), as far as it is known where those listen. */
export function exchangePeers(
  peers: ReadonlyMap<Peer, { readonly address: PeerAddress } | undefined>,
  now: number,
): void {
  const due = [...peers.keys()].filter(peer => peer.ready && peer.extensions.pexIsDue(now))
  if (due.length === 0) return
  const connected = new Map<string, PexPeer>()
  for (const [peer, candidate] of peers) {
    if (!peer.ready || !candidate) continue
    connected.set(formatAddress(candidate.address), { ...candidate.address, flags: peer.pexFlags })
  }
  for (const peer of due) {
    const own = peers.get(peer)?.address
    peer.extensions.sendPex(connected, own && formatAddress(own), now)
  }
}
