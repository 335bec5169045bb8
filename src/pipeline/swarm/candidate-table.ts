import { addressKey } from '../../codec/address-key.ts'
import { scopeOf } from '../../codec/address-scope.ts'
import { formatAddress, type PeerAddress } from '../../codec/compact.ts'

/** An address of a peer, and the results of earlier attempts. */
export interface Candidate {
  readonly address: PeerAddress
  /** The key by which its host is counted. */
  readonly host: string
  /** The source of the address: `option`, `PEX`, `DHT`, `LSD`, `incoming` or the name of a tracker. */
  source: string
  /** The host of the peer that named it. */
  referrer: string
  /** When it was last named, in ms of the clock. */
  namedAt: number
  /** The canonical priority of a connection (BEP 40), and the address of ours for which it was computed. */
  priority: number
  priorityOf: PeerAddress | undefined
  /** Failed attempts in a row. */
  failures: number
  /** The failure of the last attempt. */
  failure?: string
  /** When it may be dialled again, in ms of the clock. */
  notBefore: number
  /** The order among equals: the lowest comes first. */
  order: number
  connected: boolean
  /** True if it answered our handshake after we dialled it. */
  verified: boolean
  /** True if it was named under the v2 info-hash, so that it may not know the other one (BEP 52). */
  isV2: boolean
  /** True if it had all pieces, or wanted none, when it was last connected. */
  seed: boolean
  /** True to dial it with encryption: because that worked, or is the next to try. */
  encrypted: boolean
  /** True if `encrypted` was changed because the other way failed. */
  switched: boolean
}

/** Maximum number of addresses of each kind of source, so that untrusted sources do not displace those of the user and trackers. */
const MAX_OF_KIND = {
  option: 1024,
  tracker: 1536,
  PEX: 1024,
  DHT: 1024,
  LSD: 256,
  incoming: 256,
}
type Kind = keyof typeof MAX_OF_KIND
/** Maximum number of addresses of one tracker, and of one peer by PEX. */
const MAX_OF_TRACKER = 512
const MAX_OF_REFERRER = 128
/** Maximum number of ports of one host, from trackers and from other sources; more on loopback, where one user may run many clients. */
const MAX_TRACKER_PORTS = 16
const MAX_PORTS = 4
const LOOPBACK_TRACKER_PORTS = 256
const LOOPBACK_PORTS = 32
/** Number of addresses that are compared to find the one to replace. */
const EVICTION_SAMPLE_SIZE = 64

/** The known addresses. Each source, each peer that names others, and each host has a limited share. */
export class CandidateTable {
  readonly #all = new Map<string, Candidate>()
  /** By kind of source and by naming peer, the oldest first. */
  readonly #kinds = new Map<Kind, Map<string, Set<Candidate>>>()
  readonly #hosts = new Map<string, Set<Candidate>>()

  get size(): number {
    return this.#all.size
  }

  values(): IterableIterator<Candidate> {
    return this.#all.values()
  }

  /** @param address `host:port` */
  get(address: string): Candidate | undefined {
    return this.#all.get(address)
  }

  has(candidate: Candidate): boolean {
    return this.get(formatAddress(candidate.address)) === candidate
  }

  /** Adds a new address, and replaces the worst of its share if it is full. Returns false if there is no room. */
  add(candidate: Candidate): boolean {
    const { source, referrer, host } = candidate
    const kind = kindOf(source)
    const shares = this.#kinds.get(kind) ?? new Map<string, Set<Candidate>>()
    const share = shares.get(referrer) ?? new Set()
    const hostKey = hostShareOf(kind, host)
    const ports = this.#hosts.get(hostKey) ?? new Set()
    if (ports.size >= maxPortsOf(kind, candidate.address.host)) {
      const worst = worstOf(ports)
      if (!worst) return false
      // If the ports of a host did not answer, it is not dialled sooner because other ports of it are named.
      candidate.failures = worst.failures
      candidate.notBefore = worst.notBefore
      this.delete(worst)
    }
    if (
      share.size >=
      (kind === 'tracker' ? MAX_OF_TRACKER : kind === 'PEX' ? MAX_OF_REFERRER : MAX_OF_KIND[kind])
    ) {
      if (!this.#replace(share)) return false
    }
    let total = 0
    for (const { size } of shares.values()) total += size
    if (total >= MAX_OF_KIND[kind]) {
      const largest = [...shares.values()].reduce((a, b) => (b.size > a.size ? b : a))
      if (!this.#replace(largest)) return false
    }
    this.#kinds.set(kind, shares)
    shares.set(referrer, share.add(candidate))
    this.#hosts.set(hostKey, ports.add(candidate))
    this.#all.set(formatAddress(candidate.address), candidate)
    return true
  }

  delete(candidate: Candidate): void {
    const kind = kindOf(candidate.source)
    this.#all.delete(formatAddress(candidate.address))
    const shares = this.#kinds.get(kind)
    const share = shares?.get(candidate.referrer)
    share?.delete(candidate)
    if (share?.size === 0) shares?.delete(candidate.referrer)
    const hostKey = hostShareOf(kind, candidate.host)
    const ports = this.#hosts.get(hostKey)
    ports?.delete(candidate)
    if (ports?.size === 0) this.#hosts.delete(hostKey)
  }

  /** A more trusted source names the address too: it counts to the share of that source from now on. */
  promote(candidate: Candidate, source: string, referrer: string): void {
    if (rankOf(source) >= rankOf(candidate.source)) return
    const { source: before, referrer: referrerBefore } = candidate
    this.delete(candidate)
    Object.assign(candidate, { source, referrer })
    if (this.add(candidate)) return
    Object.assign(candidate, { source: before, referrer: referrerBefore })
    this.add(candidate)
  }

  #replace(share: ReadonlySet<Candidate>): boolean {
    const worst = worstOf(share)
    if (worst) this.delete(worst)
    return worst !== undefined
  }
}

/** Returns true if the source of an address is untrusted: neither the user nor a tracker. */
export function isHearsay({ source }: Pick<Candidate, 'source'>): boolean {
  const kind = kindOf(source)
  return kind !== 'option' && kind !== 'tracker'
}

/** Returns the key by which a host is counted. */
export function hostOfCandidate({ host }: PeerAddress): string {
  return addressKey(host)
}

function kindOf(source: string): Kind {
  return Object.hasOwn(MAX_OF_KIND, source) ? (source as Kind) : 'tracker'
}

/** Returns the rank of a source; the lowest is the most trusted. */
function rankOf(source: string): number {
  const kind = kindOf(source)
  return kind === 'option' ? 0 : kind === 'tracker' ? 1 : 2
}

/** Returns the key of a host's share. Trackers, the user and all other sources have separate shares. */
function hostShareOf(kind: Kind, host: string): string {
  return kind === 'option' || kind === 'tracker' ? `${kind} ${host}` : host
}

function maxPortsOf(kind: Kind, host: string): number {
  const loopback = scopeOf(host) === 'loopback'
  if (kind === 'option') return MAX_OF_KIND.option
  if (kind === 'tracker') return loopback ? LOOPBACK_TRACKER_PORTS : MAX_TRACKER_PORTS
  return loopback ? LOOPBACK_PORTS : MAX_PORTS
}

/** Returns the address of a share to replace: the one that failed most, then one never reached, then the one named longest ago. */
function worstOf(share: ReadonlySet<Candidate>): Candidate | undefined {
  let worst: Candidate | undefined
  let left = EVICTION_SAMPLE_SIZE
  for (const candidate of share) {
    if (left-- === 0) break
    if (candidate.connected) continue
    if (!worst || isWorse(candidate, worst)) worst = candidate
  }
  return worst
}

function isWorse(a: Candidate, b: Candidate): boolean {
  if (a.failures !== b.failures) return a.failures > b.failures
  if (a.verified !== b.verified) return b.verified
  return a.namedAt < b.namedAt
}
