import type { Peer } from '../peer/peer.ts'

type Counted = Pick<Peer, 'requester' | 'responder'>

/** Bytes of blocks from and to all peers so far. */
export class Totals {
  readonly #peers: () => Iterable<Counted>
  /** Bytes of peers that have disconnected. */
  #downloaded = 0
  #uploaded = 0
  #wasted = 0

  /** @param peers the peers that are connected */
  constructor(peers: () => Iterable<Counted>) {
    this.#peers = peers
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

  /** Adds the bytes of a peer that has disconnected. */
  add({ requester, responder }: Counted): void {
    this.#downloaded += requester.downloaded
    this.#wasted += requester.wasted
    this.#uploaded += responder.uploaded
  }

  #sum(before: number, of: (peer: Counted) => number): number {
    let sum = before
    for (const peer of this.#peers()) sum += of(peer)
    return sum
  }
}
