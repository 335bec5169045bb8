import { formatAddress, type PeerAddress } from '../../codec/compact.ts'
import { peerPriority } from '../../codec/peer-priority.ts'
import { type Candidate, CandidateTable, hostOfCandidate, isHearsay } from './candidate-table.ts'

export type { Candidate }

/** Details of how an address was named. */
export interface Naming {
  /** The host of the peer that named it. */
  readonly referrer?: string
  /** True if it was named under the v2 info-hash of the torrent. */
  readonly isV2?: boolean
  /** Milliseconds of the clock. */
  readonly now?: number
}

/** The inputs of one choice. */
export interface DialRound {
  /** Returns true if an address may be dialled now. @default all */
  readonly mayDial?: (candidate: Candidate) => boolean
  /** True if nothing is missing, so that seeds are of no use. @default false */
  readonly seeding?: boolean
}

/** Milliseconds until the first retry, which double with each, and the maximum. */
const MIN_RETRY_MS = 2000
const MAX_RETRY_MS = 600_000
/** Failures in a row after which an address from an untrusted source is forgotten. */
const MAX_FAILURES = 10
/** Failures in a row after which a seed stops dialling an address, unless it is in the options. */
const MAX_SEED_FAILURES = 3
/** Milliseconds after which an address that is not named again is forgotten: one never reached, and one from a tracker. */
const UNVERIFIED_LIFE_MS = 1_800_000
const TRACKER_LIFE_MS = 21_600_000
/** Number of candidates that one search of the table finds. */
const SEARCH_BATCH_SIZE = 16
/** Milliseconds until the next search when none was found. */
const SEARCH_INTERVAL_MS = 1000
/** Number of failures of forgotten addresses that are kept. */
const MAX_FORGOTTEN = 64
/** Maximum length of a failure text in characters. */
const MAX_FAILURE_TEXT = 200

/** Milliseconds until a seed without peers dials again when there was no room for a connection. */
const NO_ROOM_REST_MS = 5_000
/** Milliseconds after which a torrent without peers looks at its candidates again: bans end, and addresses expire. */
const CANDIDATES_REST_MS = 60_000

/**
 * Decides which peer to dial next.
 *
 * Inputs: the known addresses, their order and their sources; which are connected; the failures of each, and when;
 * whether it is a seed, and we are; the canonical priority of both addresses (BEP 40); the time.
 * It also decides how to dial: with or without encryption, as it last worked, or the other way when that failed.
 */
export class Candidates {
  readonly #table = new CandidateTable()
  /** Our own addresses, one of each family. */
  #own: { 4?: PeerAddress; 6?: PeerAddress } = {}
  /** The result of the last search, the best last, and the time of the next search if it is empty. */
  #found: Candidate[] = []
  #searchAt = 0
  #orders = 0
  /** The failures of forgotten addresses, the latest last. */
  readonly #forgotten = new Map<string, { readonly address: PeerAddress; readonly failure: string }>()

  get size(): number {
    return this.#table.size
  }

  /** The number of addresses that are not connected. */
  get idleCount(): number {
    let count = 0
    for (const { connected } of this.#table.values()) if (!connected) count++
    return count
  }

  /** The addresses that are not connected, with the failure of the last attempt. Some of them are forgotten. */
  *listIdle(): IterableIterator<[PeerAddress, string | undefined]> {
    for (const { address, connected, failure } of this.#table.values())
      if (!connected) yield [address, failure]
    for (const [name, { address, failure }] of this.#forgotten) {
      if (!this.#table.get(name)) yield [address, failure]
    }
  }

  /** Adds an address. Returns true if it is new and there is room for it. */
  add(address: PeerAddress, source: string, naming: Naming = {}): boolean {
    const added = this.#add(address, source, naming)
    if (added) this.#searchAt = Number.NEGATIVE_INFINITY
    return added
  }

  /** Drops the addresses that these sources named. */
  forget(sources: readonly string[]): void {
    for (const candidate of [...this.#table.values()]) {
      if (sources.includes(candidate.source)) this.#table.delete(candidate)
    }
    this.#found = []
  }

  /** An incoming peer listens at this address. Marks it as connected; returns undefined if it was already. */
  claim(address: PeerAddress, source: string, naming: Naming = {}): Candidate | undefined {
    this.#add(address, source, naming)
    const candidate = this.#table.get(formatAddress(address))
    if (!candidate || candidate.connected) return undefined
    candidate.connected = true
    return candidate
  }

  /** Sets our external address, which decides the canonical priorities. */
  setOwnAddress(own: PeerAddress): void {
    const family = own.host.includes(':') ? 6 : 4
    const before = this.#own[family]
    if (before?.host === own.host && before.port === own.port) return
    this.#own = { ...this.#own, [family]: own }
  }

  /** Returns the next candidate to dial, if any is due: the one with the fewest failures, then the highest priority, then the longest wait. */
  takeNext(now: number, round: DialRound = {}): Candidate | undefined {
    if (this.#found.length === 0 && now >= this.#searchAt) this.#search(now, round)
    for (let best = this.#found.pop(); best; best = this.#found.pop()) {
      if (!this.#table.has(best) || !isDue(best, now, round)) continue
      best.order = ++this.#orders // the others come first the next time
      best.connected = true
      return best
    }
    return undefined
  }

  /**
   * Returns the milliseconds until there may be a candidate to dial, if all that are due now were tried; Infinity for never.
   * @param seeding true if nothing is missing
   */
  idleTime(now: number, seeding: boolean): number {
    let next = Number.POSITIVE_INFINITY
    for (const candidate of this.#table.values())
      if (!candidate.connected && isUseful(candidate, seeding)) next = Math.min(next, candidate.notBefore)
    const wait = next - now
    // It is due and could not be dialled: there is no room.
    if (wait <= 0) return seeding ? NO_ROOM_REST_MS : 0
    return this.size > 0 ? Math.min(wait, CANDIDATES_REST_MS) : wait
  }

  /** Does not dial a candidate for this many milliseconds. */
  rest(candidate: Candidate, now: number, ms: number): void {
    candidate.notBefore = Math.max(candidate.notBefore, now + ms)
  }

  /** Does not dial an address (`host:port`) for this many milliseconds. */
  restAt(address: string, now: number, ms: number): void {
    const candidate = this.#table.get(address)
    if (candidate) this.rest(candidate, now, ms)
  }

  /** A peer closed the connection at once. Returns true to dial it the other way, unless that has just failed too. */
  switchEncryption(candidate: Candidate): boolean {
    candidate.encrypted = !candidate.encrypted
    candidate.switched = !candidate.switched
    return candidate.switched
  }

  /** A peer answered our handshake: the way that worked is kept. */
  onHandshake(candidate: Candidate): void {
    candidate.switched = false
    candidate.verified = true
    delete candidate.failure
  }

  /** A connection has ended. @param useful true if blocks were exchanged @param failure why it failed, if it did */
  onClose(candidate: Candidate, now: number, useful: boolean, failure?: string): void {
    candidate.connected = false
    candidate.failures = useful ? 0 : candidate.failures + 1
    if (failure !== undefined) candidate.failure = failure.slice(0, MAX_FAILURE_TEXT)
    const wait = Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** Math.max(0, candidate.failures - 1))
    this.rest(candidate, now, wait)
    this.#searchAt = Math.min(this.#searchAt, candidate.notBefore)
  }

  #add(address: PeerAddress, source: string, { isV2 = false, referrer = '', now = 0 }: Naming): boolean {
    const known = this.#table.get(formatAddress(address))
    if (known) {
      known.namedAt = now
      if (!known.verified) known.isV2 ||= isV2
      this.#table.promote(known, source, referrer)
      return false
    }
    return this.#table.add({
      address,
      host: hostOfCandidate(address),
      source,
      referrer,
      namedAt: now,
      priority: 0,
      priorityOf: undefined,
      failures: 0,
      notBefore: Number.NEGATIVE_INFINITY,
      order: ++this.#orders,
      connected: false,
      verified: false,
      isV2,
      seed: false,
      encrypted: false,
      switched: false,
    })
  }

  /** Finds the best candidates that are due, and forgets expired ones. O(n), once for a batch of dials or once a second. */
  #search(now: number, round: DialRound): void {
    const found: Candidate[] = []
    let next = now + SEARCH_INTERVAL_MS
    for (const candidate of this.#table.values()) {
      if (isExpired(candidate, now)) this.#forget(candidate)
      else if (isDue(candidate, now, round)) this.#rank(candidate, found)
      else if (!candidate.connected && candidate.notBefore > now) next = Math.min(next, candidate.notBefore)
    }
    this.#found = found.reverse()
    this.#searchAt = found.length > 0 ? now : next
  }

  /** Inserts a candidate among the best, if it is one of them. */
  #rank(candidate: Candidate, found: Candidate[]): void {
    const own = this.#own[candidate.address.host.includes(':') ? 6 : 4]
    if (own && candidate.priorityOf !== own) {
      candidate.priority = peerPriority(own, candidate.address)
      candidate.priorityOf = own
    }
    let at = found.length
    while (at > 0 && isBefore(candidate, found[at - 1]!)) at--
    if (at >= SEARCH_BATCH_SIZE) return
    found.splice(at, 0, candidate)
    if (found.length > SEARCH_BATCH_SIZE) found.pop()
  }

  #forget(candidate: Candidate): void {
    this.#table.delete(candidate)
    const { address, failure } = candidate
    if (failure === undefined) return
    this.#forgotten.set(formatAddress(address), { address, failure })
    if (this.#forgotten.size > MAX_FORGOTTEN) this.#forgotten.delete(this.#forgotten.keys().next().value!)
  }
}

function isDue(candidate: Candidate, now: number, { mayDial, seeding = false }: DialRound): boolean {
  const { connected, notBefore } = candidate
  if (connected || notBefore > now || !isUseful(candidate, seeding)) return false
  return !mayDial || mayDial(candidate)
}

/** Returns false for an address that a seed does not dial again. */
function isUseful({ failures, seed, source }: Candidate, seeding: boolean): boolean {
  return !seeding || (!seed && (failures < MAX_SEED_FAILURES || source === 'option'))
}

function isExpired(candidate: Candidate, now: number): boolean {
  const { connected, failures, namedAt, source, verified } = candidate
  if (connected || source === 'option') return false
  if (!isHearsay(candidate)) return now - namedAt > TRACKER_LIFE_MS
  return failures >= MAX_FAILURES || (!verified && now - namedAt > UNVERIFIED_LIFE_MS)
}

function isBefore(a: Candidate, b: Candidate): boolean {
  if (a.failures !== b.failures) return a.failures < b.failures
  return a.priority !== b.priority ? a.priority > b.priority : a.order < b.order
}
