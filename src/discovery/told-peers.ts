import { canTellOf, isGlobalAddress, scopeOf } from '../codec/address-scope.ts'
import type { PeerAddress } from '../codec/compact.ts'

/**
 * The peers that a tracker at `address` can know of: one of the public Internet names none of our own network, and no
 * names, which could stand for one.
 * @param address its IP address, '' if it is not known; undefined where no network is involved: then all
 */
export function peersToldBy(
  address: string | undefined,
  peers: readonly PeerAddress[],
): readonly PeerAddress[] {
  if (address === undefined) return peers
  const remote = address === '' || isGlobalAddress(address)
  return peers.filter(({ host }) => (scopeOf(host) === undefined ? !remote : canTellOf(address, host)))
}
