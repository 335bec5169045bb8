import { shuffled } from '../chance.ts'
import { addressKey } from '../codec/address-key.ts'
import { formatAddress, type PeerAddress } from '../codec/compact.ts'
import { isLocal } from './scope.ts'

interface Stored {
  readonly hash: string
  readonly peer: PeerAddress
  readonly at: number
}

/** Milliseconds after which a peer that has not announced itself again is forgotten. */
const LIFE = 1_800_000
/** Torrents; of one torrent; in all. About 300 bytes a peer. */
const MAX_HASHES = 2_000
const MAX_PEERS = 500
const MAX_STORED = 20_000
/** Of one address: in one torrent, and in all. No single address fills a torrent, or takes the room of all others. */
const MAX_PORTS = 4
const MAX_OF_ADDRESS = 100

/**
 * The peers that others have announced to us (BEP 5); whoever announced longest ago goes first.
 *
 * Depends on: who announced what, in that order; the time; chance, for which of many are named.
 */
export class PeerStore {
  /** By info-hash, hex, the one announced for longest ago first; in it by address, in the same order. */
  readonly #torrents = new Map<string, Map<string, Stored>>()
  /** What each address has announced, the one longest ago first; local ones are not counted. */
  readonly #byAddress = new Map<string, Set<Stored>>()
  #size = 0

  /** Peers in all. */
  get size(): number {
    return this.#size
  }

  add(infoHash: Uint8Array, peer: PeerAddress, now: number): void {
    const hash = hex(infoHash)
    const key = formatAddress(peer)
    const peers = this.#torrents.get(hash) ?? new Map<string, Stored>()
    this.#torrents.delete(hash)
    this.#torrents.set(hash, peers)
    this.#remove(hash, peers, key)
    if (!isLocal(peer.host)) this.#makeRoom(hash, peers, addressKey(peer.host))
    if (peers.size >= MAX_PEERS) this.#removeFirst(hash, peers)
    while (this.#size >= MAX_STORED || this.#torrents.size > MAX_HASHES) {
      const [oldest, theirs] = this.#torrents.entries().next().value!
      this.#removeFirst(oldest, theirs)
    }
    // it may have been the last one, and its torrent gone with it
    this.#torrents.set(hash, peers)
    const stored = { hash, peer, at: now }
    peers.set(key, stored)
    this.#size++
    if (isLocal(peer.host)) return
    const address = addressKey(peer.host)
    const theirs = this.#byAddress.get(address)
    if (theirs) theirs.add(stored)
    else this.#byAddress.set(address, new Set([stored]))
  }

  /** Peers of that torrent, `count` at most; of more it is chance which. */
  sample(infoHash: Uint8Array, count: number, now: number, random: () => number): PeerAddress[] {
    const hash = hex(infoHash)
    const peers = this.#torrents.get(hash)
    if (!peers) return []
    this.#expire(hash, peers, now)
    const all = [...peers.values()].map(({ peer }) => peer)
    return all.length <= count ? all : shuffled(all, random).slice(0, count)
  }

  /** Forgets everybody who was not heard of for half an hour. */
  sweep(now: number): void {
    for (const [hash, peers] of this.#torrents) this.#expire(hash, peers, now)
  }

  #expire(hash: string, peers: Map<string, Stored>, now: number): void {
    for (const [key, { at }] of peers) {
      if (now - at < LIFE) return
      this.#remove(hash, peers, key)
    }
  }

  /** Forgets what this address announced longest ago, if that is too much. */
  #makeRoom(hash: string, peers: Map<string, Stored>, address: string): void {
    const theirs = this.#byAddress.get(address)
    if (!theirs) return
    const here = [...theirs].filter(stored => stored.hash === hash)
    if (here.length >= MAX_PORTS) this.#remove(hash, peers, formatAddress(here[0]!.peer))
    if (theirs.size < MAX_OF_ADDRESS) return
    const [oldest] = theirs
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
    const theirs = this.#byAddress.get(address)
    if (theirs?.delete(stored) && theirs.size === 0) this.#byAddress.delete(address)
    if (peers.size === 0) this.#torrents.delete(hash)
  }
}

function hex(infoHash: Uint8Array): string {
  return Buffer.from(infoHash).toString('hex')
}
