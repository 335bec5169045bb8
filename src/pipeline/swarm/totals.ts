import type { Peer } from '../peer/peer.ts'

type Counted = Pick<Peer, 'requester' | 'responder'>

/** Bytes of blocks from and to all peers that there ever were. */
export class Totals {
  readonly #peers: () => Iterable<Counted>
  /** Bytes of the peers that are gone. */
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

  /** Bytes that were of no use. */
  get wasted(): number {
    return this.#sum(this.#wasted, peer => peer.requester.wasted)
  }

  /** A peer is gone. */
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
