import { addressKey } from '../../codec/address-key.ts'
import { scopeOf } from '../../codec/address-scope.ts'

/** What must be known of a connection. Times are milliseconds of one clock. */
export interface Occupant {
  readonly address: { readonly host: string }
  readonly incoming: boolean
  /** Both handshakes are done, and when they were. */
  readonly ready: boolean
  readonly readyAt: number
  /** When it was last unchoked; -Infinity for never. */
  readonly unchokedAt: number
  readonly peerInterested: boolean
  readonly requester: { readonly downloaded: number; readonly amInterested: boolean }
  readonly responder: { readonly uploaded: number }
}

interface Seat {
  readonly key: string
  /** Bytes that were of use, to us or to it, and when there were last more of them. */
  bytes: number
  usefulAt: number
}

export interface ConnectionSlotsOptions {
  /** Connections at most. */
  readonly maxPeers: number
  /** Connections of one IP address, or of the /64 of an IPv6 one. @default 4 */
  readonly maxPerAddress?: number | undefined
  /** Whether all torrents of the client together have room for one more. @default they have */
  readonly hasCommonRoom?: (() => boolean) | undefined
}

/** Connections of one IP address by default: several clients may share one behind a NAT. */
const MAX_PER_ADDRESS = 4
/** How many times as many there may be from this machine itself. */
const LOOPBACK_FACTOR = 16
/** Milliseconds without any use after which a connection may have to make room; for a peer in its turn, to take something. */
const IDLE_MS = 30_000
const TURN_MS = 20_000
/** Milliseconds from one connection that makes room for an incoming one to the next; for one from the same address. */
const EVICTION_INTERVAL_MS = 1000
const SAME_ADDRESS_INTERVAL_MS = 60_000
/** Milliseconds from one connection that makes room for one to be dialled to the next. */
const TURNOVER_INTERVAL_MS = 30_000
/** Connections that are given up when the process has no file descriptor left, so that files and trackers get some. */
const DESCRIPTORS_TO_SPARE = 4
/** Milliseconds until there may be as many connections as before. */
const DESCRIPTOR_REST_MS = 60_000
/** Addresses that are remembered for having been made room for. */
const MAX_FAVOURED = 1024

/**
 * Who may have one of a torrent's connections.
 *
 * Depends on: how many connections there are, of each address and in each direction; whether there is something to fetch;
 * what each of them was of use for, and when; who had its turn and took nothing; when one last had to make room; when
 * the process had no file descriptor left; the time.
 *
 * - One address has a few connections only.
 * - While there is something to fetch, incoming connections have at most half of all: the others are for dialling.
 * - When there is no room, the least useful makes it: neither side wants anything of the other, then what has been of
 *   no use for longest. What was of use within half a minute, or waits for its turn, stays. This is done rarely,
 *   more rarely for the same address, so that newcomers cannot push out who is here.
 */
export class ConnectionSlots<Peer extends Occupant> {
  readonly #maxPeers: number
  readonly #maxPerAddress: number
  readonly #hasCommonRoom: () => boolean
  readonly #seats = new Map<Peer, Seat>()
  /** Connections of each address. */
  readonly #counts = new Map<string, number>()
  /** When room was last made for an address, the longest ago first. */
  readonly #favoured = new Map<string, number>()
  #evictedAt = Number.NEGATIVE_INFINITY
  #turnedAt = Number.NEGATIVE_INFINITY
  /** Connections that there may be now. */
  #limit: number
  #shrunkAt = Number.NEGATIVE_INFINITY

  constructor({
    maxPeers,
    maxPerAddress = MAX_PER_ADDRESS,
    hasCommonRoom = () => true,
  }: ConnectionSlotsOptions) {
    this.#hasCommonRoom = hasCommonRoom
    this.#maxPeers = maxPeers
    this.#limit = maxPeers
    this.#maxPerAddress = maxPerAddress
  }

  /** Whether there is room for one more. */
  get free(): boolean {
    return this.#seats.size < this.#limit && this.#hasCommonRoom()
  }

  add(peer: Peer, now: number): void {
    const key = addressKey(peer.address.host)
    this.#seats.set(peer, { key, bytes: 0, usefulAt: now })
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  delete(peer: Peer): void {
    const key = this.#seats.get(peer)?.key
    if (key === undefined || !this.#seats.delete(peer)) return
    const count = this.#counts.get(key)! - 1
    if (count > 0) this.#counts.set(key, count)
    else this.#counts.delete(key)
  }

  /**
   * The process has no file descriptor left for a connection or a file: allows a few connections less for a while.
   * @returns whether that is new
   */
  shrink(now: number): boolean {
    const isNew = this.#limit === this.#maxPeers
    this.#limit = Math.max(1, Math.min(this.#limit, this.#seats.size - DESCRIPTORS_TO_SPARE))
    this.#shrunkAt = now
    return isNew
  }

  /** Those for which there is no descriptor: first the newest of those that are not made yet. One always stays. */
  findExcess(): Peer[] {
    const newest = [...this.#seats.keys()].reverse()
    const order = [...newest.filter(peer => !peer.ready), ...newest.filter(peer => peer.ready)]
    return order.slice(0, Math.max(0, order.length - this.#limit))
  }

  /** Looks which were of use since the last look. To be called now and then. */
  tick(now: number): void {
    if (now - this.#shrunkAt >= DESCRIPTOR_REST_MS) this.#limit = this.#maxPeers
    for (const [{ requester, responder }, seat] of this.#seats) {
      const bytes = requester.downloaded + responder.uploaded
      if (bytes > seat.bytes) seat.usefulAt = now
      seat.bytes = bytes
    }
  }

  /** Whether this address has as many connections as one may have. */
  crowded(host: string): boolean {
    return (this.#counts.get(addressKey(host)) ?? 0) >= quotaOf(host, this.#maxPerAddress)
  }

  /**
   * Whether a connection that comes from this address has a place.
   * @param fetching whether there is something to fetch
   * @returns false if not; else the peer that makes room for it, if one has to
   */
  admit(host: string, fetching: boolean, now: number): Peer | boolean {
    const key = addressKey(host)
    if (this.crowded(host)) return this.#evict(key, now, (_, seat) => seat.key === key)
    let incoming = 0
    for (const peer of this.#seats.keys()) if (peer.incoming) incoming++
    if (fetching && incoming >= Math.ceil(this.#limit / 2))
      return this.#evict(key, now, peer => peer.incoming)
    return this.free || this.#evict(key, now, () => true)
  }

  /** The peer that makes room for one to be dialled while there is none, if one has to by now. */
  turnOver(now: number): Peer | undefined {
    if (this.free || now - this.#turnedAt < TURNOVER_INTERVAL_MS) return undefined
    const peer = this.#leastUseful(now, () => true)
    if (peer) this.#turnedAt = now
    return peer
  }

  #evict(key: string, now: number, fits: (peer: Peer, seat: Seat) => boolean): Peer | false {
    const favouredAt = this.#favoured.get(key) ?? Number.NEGATIVE_INFINITY
    if (now - this.#evictedAt < EVICTION_INTERVAL_MS || now - favouredAt < SAME_ADDRESS_INTERVAL_MS)
      return false
    const peer = this.#leastUseful(now, fits)
    if (!peer) return false
    this.#evictedAt = now
    this.#favoured.delete(key)
    this.#favoured.set(key, now)
    if (this.#favoured.size > MAX_FAVOURED) this.#favoured.delete(this.#favoured.keys().next().value!)
    return peer
  }

  #leastUseful(now: number, fits: (peer: Peer, seat: Seat) => boolean): Peer | undefined {
    let least: { peer: Peer; wanted: number; usefulAt: number } | undefined
    for (const [peer, seat] of this.#seats) {
      if (!fits(peer, seat) || !isIdle(peer, seat, now)) continue
      const wanted = Number(peer.requester.amInterested) + Number(peer.peerInterested)
      const { usefulAt } = seat
      if (!least || wanted < least.wanted || (wanted === least.wanted && usefulAt < least.usefulAt)) {
        least = { peer, wanted, usefulAt }
      }
    }
    return least?.peer
  }
}

/** Connections that one address may have. */
export function quotaOf(host: string, maxPerAddress = MAX_PER_ADDRESS): number {
  return scopeOf(host) === 'loopback' ? LOOPBACK_FACTOR * maxPerAddress : maxPerAddress
}

/** Whether a connection has been of no use for long enough, and does not just wait for its turn. */
function isIdle(peer: Occupant, { usefulAt }: Seat, now: number): boolean {
  if (!peer.ready || now - Math.max(usefulAt, peer.readyAt) < IDLE_MS) return false
  return !peer.peerInterested || (peer.unchokedAt >= usefulAt && now - peer.unchokedAt >= TURN_MS)
}
