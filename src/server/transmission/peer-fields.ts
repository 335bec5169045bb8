import type { Peer } from '../../pipeline/peer/peer.ts'
import type { RpcTorrent } from './rpc-torrent.ts'

/** Describes the connected peers. */
export function listPeers({ peers, record }: RpcTorrent): object[] {
  return peers.map(peer => describePeer(peer, record.pieceCount))
}

/** Counts the connected peers by where their addresses came from. Only incoming connections are known. */
export function countSources({ peers }: RpcTorrent): object {
  const incoming = peers.filter(peer => peer.incoming).length
  return {
    from_cache: 0,
    from_dht: 0,
    from_incoming: incoming,
    from_lpd: 0,
    from_ltep: 0,
    from_pex: 0,
    from_tracker: peers.length - incoming,
  }
}

/** True if a peer sends bytes to us. */
export function isSending({ down }: Peer): boolean {
  return down.rate >= 1
}

/** True if a peer gets bytes from us. */
export function isReceiving({ up }: Peer): boolean {
  return up.rate >= 1
}

function describePeer(peer: Peer, pieceCount: number): object {
  const { address, client, down, encrypted, incoming, requester, responder, up } = peer
  const flags = [
    isSending(peer) ? 'D' : requester.amInterested ? 'd' : '',
    isReceiving(peer) ? 'U' : peer.peerInterested ? 'u' : '',
    encrypted ? 'E' : '',
    incoming ? 'I' : '',
  ]
  return {
    address: address.host,
    bytes_to_client: requester.downloaded,
    bytes_to_peer: responder.uploaded,
    client_is_choked: requester.peerChoking,
    client_is_interested: requester.amInterested,
    client_name: client,
    flag_str: flags.join(''),
    is_downloading_from: isSending(peer),
    is_encrypted: encrypted,
    is_incoming: incoming,
    is_uploading_to: isReceiving(peer),
    is_utp: false,
    peer_id: Buffer.from(peer.peerId ?? []).toString('base64'),
    peer_is_choked: responder.amChoking,
    peer_is_interested: peer.peerInterested,
    port: address.port,
    progress: requester.isSeed ? 1 : pieceCount === 0 ? 0 : requester.bits.count / pieceCount,
    rate_to_client: Math.round(down.rate),
    rate_to_peer: Math.round(up.rate),
  }
}
