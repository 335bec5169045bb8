import { formatAddress } from '../../codec/compact.ts'
import type { Peer } from '../peer/peer.ts'
import type { Swarm } from '../swarm/swarm.ts'
import { HashRequests } from './hash-requests.ts'

/** Returns the requests for hashes to the peers of a swarm that speak BitTorrent v2. A peer that sends wrong ones is banned. */
export function createHashRequests(swarm: Swarm, now: () => number): HashRequests<Peer> {
  const requests = new HashRequests<Peer>(now)
  swarm.on('connected', peer => {
    if (!peer.hashes.isSupported) return
    requests.addPeer(peer)
    peer.requester.on('bitfield', () => requests.ask())
  })
  swarm.on('disconnected', peer => requests.removePeer(peer))
  swarm.on('hashes', (peer, answer) => {
    requests.onAnswer(peer, answer, answer.type === 'hashes' ? answer.hashes : undefined)
  })
  requests.on('wrong', peer => {
    swarm.ban(
      formatAddress(peer.address),
      'banned for wrong hashes: they do not belong to the tree of the file',
    )
  })
  return requests
}
