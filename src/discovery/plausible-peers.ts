import { canTellOf, isGlobalAddress, scopeOf } from '../codec/address-scope.ts'
import type { PeerAddress } from '../codec/compact.ts'

/**
 * Returns the peers that a tracker at `address` can know of. A tracker on the public Internet cannot name peers in our
 * network, and no host names, which may resolve to such peers.
 * @param address its IP address, '' if it is unknown; undefined if no network is involved, which returns all peers
 */
export function plausiblePeersOf(
  address: string | undefined,
  peers: readonly PeerAddress[],
): readonly PeerAddress[] {
  if (address === undefined) return peers
  const remote = address === '' || isGlobalAddress(address)
  return peers.filter(({ host }) => (scopeOf(host) === undefined ? !remote : canTellOf(address, host)))
}
