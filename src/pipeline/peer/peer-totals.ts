/** The blocks that one peer and we have sent each other, in bytes. */
export interface CountedPeer {
  readonly requester: { readonly downloaded: number; readonly wasted: number }
  readonly responder: { readonly uploaded: number }
}

/** The peers of one torrent that are connected or being dialled, and the bytes of blocks from and to all peers so far. */
export class PeerTotals<Peer extends CountedPeer> {
  readonly peers: ReadonlySet<Peer>
  readonly #peers = new Set<Peer>()
  /** Bytes of peers that have disconnected. */
  #downloaded = 0
  #uploaded = 0
  #wasted = 0

  constructor() {
    this.peers = this.#peers
  }

  get downloaded(): number {
    return this.#sum(this.#downloaded, peer => peer.requester.downloaded)
  }

  get uploaded(): number {
    return this.#sum(this.#uploaded, peer => peer.responder.uploaded)
  }

  /** Bytes that were received and discarded. */
  get wasted(): number {
    return this.#sum(this.#wasted, peer => peer.requester.wasted)
  }

  add(peer: Peer): void {
    this.#peers.add(peer)
  }

  /** Removes a peer that has disconnected. Its bytes still count. */
  remove(peer: Peer): void {
    const { requester, responder } = peer
    this.#peers.delete(peer)
    this.#downloaded += requester.downloaded
    this.#wasted += requester.wasted
    this.#uploaded += responder.uploaded
  }

  #sum(before: number, bytesOf: (peer: Peer) => number): number {
    let sum = before
    for (const peer of this.#peers) sum += bytesOf(peer)
    return sum
  }
}
