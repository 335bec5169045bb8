import { formatAddress } from '../../../codec/compact.ts'
import type { Peer } from '../../../pipeline/peer/peer.ts'
import type { DepartedPeer } from '../../../pipeline/swarm/departed-peers.ts'
import type { Torrent } from '../../../pipeline/torrent.ts'
import type { Topic } from '../topic.ts'
import type { ListedDeparted, ListedPeer, PeersDocument } from '../torrent-documents.ts'
import type { WallTimes } from './wall-times.ts'

/** Maximum number of peers that are listed. */
const MAX_LISTED_PEERS = 500

/** The topic of the peers of a torrent. */
export class PeersTopic implements Topic {
  readonly #find: () => { readonly torrent: Torrent | undefined } | undefined
  readonly #times: WallTimes
  readonly #ids = new WeakMap<object, number>()
  readonly #departed = new WeakMap<DepartedPeer, ListedDeparted>()
  #lastId = 0

  constructor(find: () => { readonly torrent: Torrent | undefined } | undefined, times: WallTimes) {
    this.#find = find
    this.#times = times
  }

  describe(): PeersDocument | undefined {
    const found = this.#find()
    if (!found) return undefined
    const { torrent } = found
    const all = torrent?.peers ?? []
    const peers: Record<string, ListedPeer> = {}
    for (const peer of all.slice(0, MAX_LISTED_PEERS))
      peers[this.#idOf(peer)] = this.#describePeer(peer, torrent!)
    const departed: Record<string, ListedDeparted> = {}
    for (const peer of torrent?.details.departed ?? [])
      departed[this.#idOf(peer)] = this.#describeDeparted(peer)
    return { peers, more: Math.max(0, all.length - MAX_LISTED_PEERS), departed }
  }

  close(): void {}

  #idOf(owner: object): number {
    const id = this.#ids.get(owner) ?? ++this.#lastId
    this.#ids.set(owner, id)
    return id
  }

  #describePeer(peer: Peer, { details, verified }: Torrent): ListedPeer {
    const { address, client, down, encrypted, peerInterested, readyAt, requester, responder, up } = peer
    const { amInterested, bits, downloaded, isSeed, outstanding, peerChoking, snubbed } = requester
    const part = isSeed
      ? 1
      : Math.min(0.999, Math.floor((1000 * bits.count) / Math.max(1, verified.size)) / 1000)
    return {
      ...{ address: formatAddress(address), client, source: details.sourceOf(peer), isEncrypted: encrypted },
      ...{ part, down: Math.round(down.rate), up: Math.round(up.rate) },
      ...{ downloaded, uploaded: responder.uploaded, outstanding, since: this.#times.dateOf(peer, readyAt) },
      ...{ isWanted: amInterested, isChoking: peerChoking },
      ...{ isInterested: peerInterested, isChoked: responder.amChoking, isSnubbed: snubbed },
    }
  }

  #describeDeparted(peer: DepartedPeer): ListedDeparted {
    const known = this.#departed.get(peer)
    if (known) return known
    const { address, client, downloaded, endedAt, readyAt, reason, uploaded } = peer
    const name = formatAddress(address)
    const described = {
      ...{ address: name, client, downloaded, uploaded },
      reason: reason.startsWith(`${name}: `) ? reason.slice(name.length + 2) : reason,
      ended: this.#times.dateOf(peer, endedAt),
      lasted: Math.round((endedAt - readyAt) / 1000),
    }
    this.#departed.set(peer, described)
    return described
  }
}
