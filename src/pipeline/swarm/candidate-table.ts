import { addressKey } from '../../codec/address-key.ts'
import { scopeOf } from '../../codec/address-scope.ts'
import { formatAddress, type PeerAddress } from '../../codec/compact.ts'

/** An address at which a peer may be, and how it went there. */
export interface Candidate {
  readonly address: PeerAddress
  /** What its host is counted by. */
  readonly host: string
  /** Where we heard of it: `option`, `PEX`, `DHT`, `LSD`, `incoming` or the name of a tracker. */
  source: string
  /** Which peer, by its host, named it. */
  teller: string
  /** When it was last named, in ms of the clock. */
  namedAt: number
  /** The canonical priority of a connection between us (BEP 40), and for which address of ours it was computed. */
  priority: number
  priorityOf: PeerAddress | undefined
  /** Attempts in a row that came to nothing. */
  failures: number
  /** What the last of them failed with. */
  failure?: string
  /** When it may be dialled again, in ms of the clock. */
  notBefore: number
  /** Its turn among equals: the lowest comes first. */
  order: number
  connected: boolean
  /** We have dialled it, and it answered our handshake. */
  verified: boolean
  /** It had all, or wanted nothing, when it was last connected. */
  seed: boolean
  /** Whether it is to be dialled with encryption: as it worked, or is worth trying. */
  encrypted: boolean
  /** That is tried because the other way was refused. */
  turned: boolean
}

/** Addresses that are kept of each kind of source: what anybody can name does not crowd out what the user and trackers name. */
const MAX_OF_KIND = {
  option: 1024,
  tracker: 1536,
  PEX: 1024,
  DHT: 1024,
  LSD: 256,
  incoming: 256,
}
type Kind = keyof typeof MAX_OF_KIND
/** Addresses that are kept of one tracker; of one peer that names others. */
const MAX_OF_TRACKER = 512
const MAX_OF_TELLER = 128
/** Ports of one host, as trackers name them, and as others do; on loopback, where many clients of one user run. */
const MAX_TRACKER_PORTS = 16
const MAX_PORTS = 4
const LOOPBACK_TRACKER_PORTS = 256
const LOOPBACK_PORTS = 32
/** Addresses that are looked at to find the one that makes room. */
const SAMPLE = 64

/** The addresses that are known, each source, each teller and each host with its share. */
export class CandidateTable {
  readonly #all = new Map<string, Candidate>()
  /** By kind and by teller, the longest known first. */
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

  /** Adds an address that is not there. The least promising of its share makes room. @returns whether there was room */
  add(candidate: Candidate): boolean {
    const { source, teller, host } = candidate
    const kind = kindOf(source)
    const shares = this.#kinds.get(kind) ?? new Map<string, Set<Candidate>>()
    const share = shares.get(teller) ?? new Set()
    const hostKey = hostShareOf(kind, host)
    const ports = this.#hosts.get(hostKey) ?? new Set()
    if (ports.size >= maxPortsOf(kind, candidate.address.host)) {
      const worst = worstOf(ports)
      if (!worst) return false
      // a host whose ports did not answer is not dialled sooner for naming others
      candidate.failures = worst.failures
      candidate.notBefore = worst.notBefore
      this.delete(worst)
    }
    if (
      share.size >= (kind === 'tracker' ? MAX_OF_TRACKER : kind === 'PEX' ? MAX_OF_TELLER : MAX_OF_KIND[kind])
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
    shares.set(teller, share.add(candidate))
    this.#hosts.set(hostKey, ports.add(candidate))
    this.#all.set(formatAddress(candidate.address), candidate)
    return true
  }

  delete(candidate: Candidate): void {
    const kind = kindOf(candidate.source)
    this.#all.delete(formatAddress(candidate.address))
    const shares = this.#kinds.get(kind)
    const share = shares?.get(candidate.teller)
    share?.delete(candidate)
    if (share?.size === 0) shares?.delete(candidate.teller)
    const hostKey = hostShareOf(kind, candidate.host)
    const ports = this.#hosts.get(hostKey)
    ports?.delete(candidate)
    if (ports?.size === 0) this.#hosts.delete(hostKey)
  }

  /** A source that is worth more names the address too: it counts to that share from now on. */
  promote(candidate: Candidate, source: string, teller: string): void {
    if (rankOf(source) >= rankOf(candidate.source)) return
    const { source: before, teller: tellerBefore } = candidate
    this.delete(candidate)
    Object.assign(candidate, { source, teller })
    if (this.add(candidate)) return
    Object.assign(candidate, { source: before, teller: tellerBefore })
    this.add(candidate)
  }

  #replace(share: ReadonlySet<Candidate>): boolean {
    const worst = worstOf(share)
    if (worst) this.delete(worst)
    return worst !== undefined
  }
}

/** Whether anybody can have named it: neither the user nor a tracker did. */
export function isHearsay({ source }: Pick<Candidate, 'source'>): boolean {
  const kind = kindOf(source)
  return kind !== 'option' && kind !== 'tracker'
}

/** What an address is counted by. */
export function hostOfCandidate({ host }: PeerAddress): string {
  return addressKey(host)
}

function kindOf(source: string): Kind {
  return Object.hasOwn(MAX_OF_KIND, source) ? (source as Kind) : 'tracker'
}

/** The lower, the more it is worth. */
function rankOf(source: string): number {
  const kind = kindOf(source)
  return kind === 'option' ? 0 : kind === 'tracker' ? 1 : 2
}

/** Trackers, the user and all others have ports of a host each for themselves. */
function hostShareOf(kind: Kind, host: string): string {
  return kind === 'option' || kind === 'tracker' ? `${kind} ${host}` : host
}

function maxPortsOf(kind: Kind, host: string): number {
  const loopback = scopeOf(host) === 'loopback'
  if (kind === 'option') return MAX_OF_KIND.option
  if (kind === 'tracker') return loopback ? LOOPBACK_TRACKER_PORTS : MAX_TRACKER_PORTS
  return loopback ? LOOPBACK_PORTS : MAX_PORTS
}

/** The one of a share that makes room: which failed most, then was never reached, then was named longest ago. */
function worstOf(share: ReadonlySet<Candidate>): Candidate | undefined {
  let worst: Candidate | undefined
  let left = SAMPLE
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
