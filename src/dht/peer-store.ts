import { addressKey } from '../codec/address-key.ts'
import { formatAddress, type PeerAddress } from '../codec/compact.ts'
import { shuffled } from '../ports/random.ts'
import { isLocal } from './scope.ts'

interface Stored {
  readonly hash: string
  readonly peer: PeerAddress
  readonly at: number
}

/** Time after which a stored peer expires unless it is announced again, milliseconds. */
const PEER_LIFETIME_MS = 1_800_000
/** Maximum number of torrents. */
const MAX_HASHES = 2_000
/** Maximum number of peers of a torrent. */
const MAX_PEERS = 500
/** Maximum number of peers in total, about 300 bytes each. */
const MAX_STORED_PEERS = 20_000
/** Maximum number of ports of one address in a torrent, so that one host cannot fill the list. */
const MAX_PORTS = 4
/** Maximum number of peers of one address in total, so that one host cannot fill the store. */
const MAX_PEERS_PER_ADDRESS = 100

/**
 * Stores the peers that were announced to us (BEP 5). When it is full, the oldest announce is dropped.
 *
 * Inputs: the announces in order; the time; random numbers, to choose a sample.
 */
export class PeerStore {
  /** By info-hash in hex, then by address. Both are ordered by the last announce, the oldest first. */
  readonly #torrents = new Map<string, Map<string, Stored>>()
  /** The stored peers of each address, the oldest announce first. Local addresses are exempt. */
  readonly #byAddress = new Map<string, Set<Stored>>()
  #size = 0

  /** Number of stored peers. */
  get size(): number {
    return this.#size
  }

  /** Stores an announced peer, or renews it. */
  add(infoHash: Uint8Array, peer: PeerAddress, now: number): void {
    const hash = hex(infoHash)
    const key = formatAddress(peer)
    const peers = this.#torrents.get(hash) ?? new Map<string, Stored>()
    this.#torrents.delete(hash)
    this.#torrents.set(hash, peers)
    this.#remove(hash, peers, key)
    if (!isLocal(peer.host)) this.#makeRoom(hash, peers, addressKey(peer.host))
    if (peers.size >= MAX_PEERS) this.#removeFirst(hash, peers)
    while (this.#size >= MAX_STORED_PEERS || this.#torrents.size > MAX_HASHES) {
      const [oldest, ofAddress] = this.#torrents.entries().next().value!
      this.#removeFirst(oldest, ofAddress)
    }
    // the loop may have removed this torrent with its last peer
    this.#torrents.set(hash, peers)
    const stored = { hash, peer, at: now }
    peers.set(key, stored)
    this.#size++
    if (isLocal(peer.host)) return
    const address = addressKey(peer.host)
    const ofAddress = this.#byAddress.get(address)
    if (ofAddress) ofAddress.add(stored)
    else this.#byAddress.set(address, new Set([stored]))
  }

  /** Returns up to `count` peers of a torrent, a random sample if there are more. */
  sample(infoHash: Uint8Array, count: number, now: number, random: () => number): PeerAddress[] {
    const hash = hex(infoHash)
    const peers = this.#torrents.get(hash)
    if (!peers) return []
    this.#expire(hash, peers, now)
    const all = [...peers.values()].map(({ peer }) => peer)
    return all.length <= count ? all : shuffled(all, random).slice(0, count)
  }

  /** Removes all expired peers. */
  sweep(now: number): void {
    for (const [hash, peers] of this.#torrents) this.#expire(hash, peers, now)
  }

  #expire(hash: string, peers: Map<string, Stored>, now: number): void {
    for (const [key, { at }] of peers) {
      if (now - at < PEER_LIFETIME_MS) return
      this.#remove(hash, peers, key)
    }
  }

  /** Removes the oldest announces of an address if it has too many. */
  #makeRoom(hash: string, peers: Map<string, Stored>, address: string): void {
    const ofAddress = this.#byAddress.get(address)
    if (!ofAddress) return
    const ofTorrent = [...ofAddress].filter(stored => stored.hash === hash)
    if (ofTorrent.length >= MAX_PORTS) this.#remove(hash, peers, formatAddress(ofTorrent[0]!.peer))
    if (ofAddress.size < MAX_PEERS_PER_ADDRESS) return
    const [oldest] = ofAddress
    const torrent = oldest && this.#torrents.get(oldest.hash)
    if (torrent) this.#remove(oldest.hash, torrent, formatAddress(oldest.peer))
  }

  #removeFirst(hash: string, peers: Map<string, Stored>): void {
    const key = peers.keys().next().value
    if (key === undefined) this.#torrents.delete(hash)
    else this.#remove(hash, peers, key)
  }

  #remove(hash: string, peers: Map<string, Stored>, key: string): void {
    const stored = peers.get(key)
    if (!stored) return
    peers.delete(key)
    this.#size--
    const address = addressKey(stored.peer.host)
    const ofAddress = this.#byAddress.get(address)
    if (ofAddress?.delete(stored) && ofAddress.size === 0) this.#byAddress.delete(address)
    if (peers.size === 0) this.#torrents.delete(hash)
  }
}

function hex(infoHash: Uint8Array): string {
  return Buffer.from(infoHash).toString('hex')
}
