import { EventEmitter } from 'node:events'
import { formatAddress, type PeerAddress } from '../codec/compact.ts'
import { messageOf, PeerError } from '../errors.ts'
import { type Candidate, Candidates } from './candidates.ts'
import { Peer, type PeerContext } from './peer.ts'

export interface SwarmEvents {
  /** Both handshakes with a peer are done. */
  connected: [peer: Peer]
  /** A peer with which they were is gone. */
  disconnected: [peer: Peer, reason: string]
  /** A peer did what it must not, or could not be reached. */
  warning: [error: PeerError]
}

export interface SwarmOptions {
  readonly context: PeerContext
  /** How many connections at most. */
  readonly maxPeers: number
  /** How many of them may still be without a handshake. @default 32 */
  readonly maxHalfOpen?: number
}

/** The connections of one torrent: dials candidates while there is room, and lets go of those that fail. */
export class Swarm extends EventEmitter<SwarmEvents> {
  readonly candidates = new Candidates()
  /** Connections, dialled ones included. */
  readonly peers = new Map<Peer, Candidate>()
  readonly #context: PeerContext
  readonly #maxPeers: number
  readonly #maxHalfOpen: number
  #closed = false
  /** Bytes from peers that are gone. */
  #downloaded = 0
  #wasted = 0

  constructor({ context, maxPeers, maxHalfOpen = 32 }: SwarmOptions) {
    super()
    this.#context = context
    this.#maxPeers = maxPeers
    this.#maxHalfOpen = maxHalfOpen
  }

  /** Peers with which both handshakes are done. */
  get connected(): Peer[] {
    return [...this.peers.keys()].filter(peer => peer.ready)
  }

  /** Bytes of blocks, from all peers that there ever were. */
  get downloaded(): number {
    return this.#sum(this.#downloaded, peer => peer.requester.downloaded)
  }

  /** Bytes of blocks that were of no use. */
  get wasted(): number {
    return this.#sum(this.#wasted, peer => peer.requester.wasted)
  }

  /** Addresses at which peers may be. */
  add(addresses: Iterable<PeerAddress>, source: string): void {
    for (const address of addresses) this.candidates.add(address, source)
    this.dial()
  }

  /** Dials whom there is room for. */
  dial(): void {
    if (this.#closed) return
    const now = this.#context.clock.now()
    let halfOpen = this.peers.size - this.connected.length
    while (this.peers.size < this.#maxPeers && halfOpen < this.#maxHalfOpen) {
      const candidate = this.candidates.next(now)
      if (!candidate) return
      halfOpen++
      this.#connect(candidate)
    }
  }

  tick(now: number): void {
    for (const peer of [...this.peers.keys()]) peer.tick(now)
    this.dial()
  }

  /** Never again to do with whoever is at this address. */
  ban(address: string, reason: string): void {
    this.candidates.ban(address, reason) // also when its connection is gone
    for (const peer of this.peers.keys()) {
      if (formatAddress(peer.address) === address) peer.destroy(new PeerError('ERR_BANNED', reason))
    }
  }

  /** Ends every connection. */
  close(): void {
    this.#closed = true
    for (const peer of [...this.peers.keys()]) peer.destroy()
  }

  #connect(candidate: Candidate): void {
    const peer = new Peer(candidate.address, this.#context)
    this.peers.set(peer, candidate)
    peer.on('ready', () => this.#ready(peer, candidate))
    peer.on('close', error => this.#gone(peer, candidate, error))
  }

  #ready(peer: Peer, candidate: Candidate): void {
    const double = [...this.peers.keys()].some(
      other => other !== peer && other.ready && Buffer.compare(other.peerId!, peer.peerId!) === 0,
    )
    if (double) {
      candidate.banned = 'the same client as at another address'
      peer.ready = false
      peer.destroy()
    } else this.emit('connected', peer)
  }

  #gone(peer: Peer, candidate: Candidate, error: Error | undefined): void {
    this.peers.delete(peer)
    const { downloaded, wasted } = peer.requester
    this.#downloaded += downloaded
    this.#wasted += wasted
    this.candidates.closed(candidate, this.#context.clock.now(), downloaded > 0)
    if (peer.peerId && Buffer.compare(peer.peerId, this.#context.peerId) === 0) candidate.banned = 'ourselves'
    if (error) this.emit('warning', this.#name(error, candidate))
    if (peer.ready) this.emit('disconnected', peer, error ? messageOf(error) : 'closed by the peer')
    if (!this.#closed) this.dial()
  }

  /** An error that says whose it is. */
  #name(error: Error, { address }: Candidate): PeerError {
    const name = formatAddress(address)
    if (error instanceof PeerError && error.message.startsWith(name)) return error
    const code = error instanceof PeerError ? error.code : 'ERR_CONNECTION'
    return new PeerError(code, `${name}: ${messageOf(error)}`, error)
  }

  #sum(before: number, of: (peer: Peer) => number): number {
    let sum = before
    for (const peer of this.peers.keys()) sum += of(peer)
    return sum
  }
}
