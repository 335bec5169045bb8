import { addressKey } from '../../codec/address-key.ts'
import { scopeOf } from '../../codec/address-scope.ts'
import type { ConnectionLimit } from '../limits/connection-limit.ts'

/** A connection as the policy sees it. Times are milliseconds of one clock. */
export interface SlotPeer {
  readonly address: { readonly host: string }
  readonly incoming: boolean
  /** True when both handshakes are done, and the time of that. */
  readonly ready: boolean
  readonly readyAt: number
  /** When it was last unchoked; -Infinity for never. */
  readonly unchokedAt: number
  readonly peerInterested: boolean
  readonly requester: { readonly downloaded: number; readonly amInterested: boolean }
  readonly responder: { readonly uploaded: number }
}

interface ConnectionSlot {
  readonly key: string
  /** Bytes of blocks in both directions, and when the number last grew. */
  bytes: number
  usefulAt: number
}

/** Options of `ConnectionSlots`. */
export interface ConnectionSlotsOptions {
  /** Maximum number of connections. */
  readonly maxPeers: number
  /** Maximum number of connections of one IP address, or of one /64 of IPv6. @default 4, on loopback 64 */
  readonly maxPerAddress?: number | undefined
  /** The limit for all torrents of the client together. @default none */
  readonly connections?: ConnectionLimit | undefined
}

/** Default number of connections of one IP address, since several clients may share one behind a NAT. */
const MAX_PER_ADDRESS = 4
/** Factor of that number for loopback. */
const LOOPBACK_FACTOR = 16
/** Milliseconds without a block after which a connection may be replaced; during its turn of upload, until it takes a block. */
const IDLE_MS = 30_000
const TURN_MS = 20_000
/** Minimum milliseconds between two evictions for incoming connections, and for those of one address. */
const EVICTION_INTERVAL_MS = 1000
const SAME_ADDRESS_INTERVAL_MS = 60_000
/** Minimum milliseconds between two evictions for a peer to dial. */
const TURNOVER_INTERVAL_MS = 30_000
/** Connections that are closed when the process has no file descriptor left, so that files and trackers get some. */
const DESCRIPTORS_TO_SPARE = 4
/** Milliseconds until the limit is as before. */
const DESCRIPTOR_REST_MS = 60_000
/** Number of addresses for which the last eviction is remembered. */
const MAX_EVICTING_ADDRESSES = 1024

/**
 * Decides which peers get the connections of a torrent.
 *
 * Inputs: the number of connections, of each address and direction; whether data is missing; the blocks of each, and
 * when they came; which peers had their turn of upload and took nothing; the time of the last evictions; when the process had
 * no file descriptor left; the time.
 *
 * - One address has a few connections only.
 * - While data is missing, incoming connections have at most half of all; the others are for dialling.
 * - When there is no room, the least useful connection is replaced: first one in which neither side is interested, then the one
 *   without a block for the longest time. A connection that had a block within half a minute, or waits for its turn, stays.
 *   Evictions are rare, and rarer for one address, so that new peers cannot displace connected ones.
 */
export class ConnectionSlots<Peer extends SlotPeer> {
  readonly #maxPeers: number
  readonly #maxPerAddress: number
  readonly #connections: ConnectionLimit | undefined
  readonly #slots = new Map<Peer, ConnectionSlot>()
  /** Connections of each address. */
  readonly #counts = new Map<string, number>()
  /** The time of the last eviction for each address, the oldest first. */
  readonly #evictedFor = new Map<string, number>()
  #evictedAt = Number.NEGATIVE_INFINITY
  #turnedAt = Number.NEGATIVE_INFINITY
  /** The current limit. */
  #limit: number
  #shrunkAt = Number.NEGATIVE_INFINITY

  constructor({ connections, maxPeers, maxPerAddress = MAX_PER_ADDRESS }: ConnectionSlotsOptions) {
    this.#connections = connections
    this.#maxPeers = maxPeers
    this.#limit = maxPeers
    this.#maxPerAddress = maxPerAddress
    this.join()
  }

  /** Takes part in the limit of all torrents. Idempotent. */
  join(): void {
    this.#connections?.add(this)
  }

  /** Leaves all connections of the client to other torrents until `join`. */
  leave(): void {
    this.#connections?.delete(this)
  }

  /** True if there is room for one more. */
  get hasRoom(): boolean {
    return this.#slots.size < this.#limit && (this.#connections?.hasRoom(this) ?? true)
  }

  add(peer: Peer, now: number): void {
    const key = addressKey(peer.address.host)
    this.#connections?.open(this)
    this.#slots.set(peer, { key, bytes: 0, usefulAt: now })
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  delete(peer: Peer): void {
    const key = this.#slots.get(peer)?.key
    if (key === undefined || !this.#slots.delete(peer)) return
    this.#connections?.close(this)
    const count = this.#counts.get(key)! - 1
    if (count > 0) this.#counts.set(key, count)
    else this.#counts.delete(key)
  }

  /**
   * The process has no file descriptor left: lowers the limit for a while. Returns true if it was not lowered before.
   */
  shrink(now: number): boolean {
    const isNew = this.#limit === this.#maxPeers
    this.#limit = Math.max(1, Math.min(this.#limit, this.#slots.size - DESCRIPTORS_TO_SPARE))
    this.#shrunkAt = now
    return isNew
  }

  /** Returns the connections above the limit: first the newest without a handshake. One always stays. */
  findExcess(): Peer[] {
    if (this.#slots.size <= this.#limit) return []
    const newest = [...this.#slots.keys()].reverse()
    const order = [...newest.filter(peer => !peer.ready), ...newest.filter(peer => peer.ready)]
    return order.slice(0, order.length - this.#limit)
  }

  /** Updates the use of each connection. Called several times a second. */
  tick(now: number): void {
    if (now - this.#shrunkAt >= DESCRIPTOR_REST_MS) this.#limit = this.#maxPeers
    for (const [{ requester, responder }, slot] of this.#slots) {
      const bytes = requester.downloaded + responder.uploaded
      if (bytes > slot.bytes) slot.usefulAt = now
      slot.bytes = bytes
    }
  }

  /** Returns true if an address has its maximum of connections. */
  isCrowded(host: string): boolean {
    return (this.#counts.get(addressKey(host)) ?? 0) >= quotaOf(host, this.#maxPerAddress)
  }

  /**
   * Decides on an incoming connection of an address. Returns false to reject it, true to take it, or the peer to replace.
   * @param fetching true if data is missing
   */
  admit(host: string, fetching: boolean, now: number): Peer | boolean {
    const key = addressKey(host)
    if (this.isCrowded(host)) return this.#evict(key, now, (_, slot) => slot.key === key)
    let incoming = 0
    for (const peer of this.#slots.keys()) if (peer.incoming) incoming++
    if (fetching && incoming >= Math.ceil(this.#limit / 2))
      return this.#evict(key, now, peer => peer.incoming)
    return this.hasRoom || this.#evict(key, now, () => true)
  }

  /** Returns the peer to replace by one to dial, if there is no room and an eviction is due. */
  turnOver(now: number): Peer | undefined {
    if (this.hasRoom || now - this.#turnedAt < TURNOVER_INTERVAL_MS) return undefined
    const peer = this.#leastUseful(now, () => true)
    if (peer) this.#turnedAt = now
    return peer
  }

  #evict(key: string, now: number, fits: (peer: Peer, slot: ConnectionSlot) => boolean): Peer | false {
    const evictedForAt = this.#evictedFor.get(key) ?? Number.NEGATIVE_INFINITY
    if (now - this.#evictedAt < EVICTION_INTERVAL_MS || now - evictedForAt < SAME_ADDRESS_INTERVAL_MS)
      return false
    const peer = this.#leastUseful(now, fits)
    if (!peer) return false
    this.#evictedAt = now
    this.#evictedFor.delete(key)
    this.#evictedFor.set(key, now)
    if (this.#evictedFor.size > MAX_EVICTING_ADDRESSES)
      this.#evictedFor.delete(this.#evictedFor.keys().next().value!)
    return peer
  }

  #leastUseful(now: number, fits: (peer: Peer, slot: ConnectionSlot) => boolean): Peer | undefined {
    let leastUseful: { peer: Peer; wanted: number; usefulAt: number } | undefined
    for (const [peer, slot] of this.#slots) {
      if (!fits(peer, slot) || !isIdle(peer, slot, now)) continue
      const wanted = Number(peer.requester.amInterested) + Number(peer.peerInterested)
      const { usefulAt } = slot
      if (
        !leastUseful ||
        wanted < leastUseful.wanted ||
        (wanted === leastUseful.wanted && usefulAt < leastUseful.usefulAt)
      ) {
        leastUseful = { peer, wanted, usefulAt }
      }
    }
    return leastUseful?.peer
  }
}

/** Returns the maximum number of connections of an address. */
function quotaOf(host: string, maxPerAddress = MAX_PER_ADDRESS): number {
  return scopeOf(host) === 'loopback' ? LOOPBACK_FACTOR * maxPerAddress : maxPerAddress
}

/** Returns true if a connection had no block for long enough, and does not wait for its turn of upload. */
function isIdle(peer: SlotPeer, { usefulAt }: ConnectionSlot, now: number): boolean {
  if (!peer.ready || now - Math.max(usefulAt, peer.readyAt) < IDLE_MS) return false
  return !peer.peerInterested || (peer.unchokedAt >= usefulAt && now - peer.unchokedAt >= TURN_MS)
}
