import type { PeerAddress } from '../../codec/compact.ts'
import type { Peer } from '../peer/peer.ts'

/** A peer that was connected. */
export interface DepartedPeer {
  readonly address: PeerAddress
  readonly client: string
  /** The reason why the connection ended, in words. */
  readonly reason: string
  /** Times of the handshake and of the end, in milliseconds of the clock. */
  readonly readyAt: number
  readonly endedAt: number
  /** Bytes of blocks. */
  readonly downloaded: number
  readonly uploaded: number
}

/** Departed peers that are remembered for each torrent. */
const MAX_DEPARTED_PEERS = 50

/** The peers that disconnected last, and why. */
export class DepartedPeers {
  readonly #peers: DepartedPeer[] = []

  /** Remembers a peer, and forgets the oldest one if there are too many. */
  add({ address, client, readyAt, requester, responder }: Peer, reason: string, endedAt: number): void {
    const { downloaded } = requester
    const { uploaded } = responder
    this.#peers.push({ address, client, reason, readyAt, endedAt, downloaded, uploaded })
    if (this.#peers.length > MAX_DEPARTED_PEERS) this.#peers.shift()
  }

  /** The last one comes last. */
  [Symbol.iterator](): IterableIterator<DepartedPeer> {
    return this.#peers.values()
  }
}
