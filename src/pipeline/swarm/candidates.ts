import { formatAddress, type PeerAddress } from '../../codec/compact.ts'
import { peerPriority } from '../../codec/peer-priority.ts'
import { type Candidate, CandidateTable, hostOfCandidate, isHearsay } from './candidate-table.ts'

export type { Candidate }

/** What else is known of an address that is named. */
export interface Naming {
  /** Which peer, by its host, named it. */
  readonly teller?: string
  /** Milliseconds of the clock. */
  readonly now?: number
}

export interface DialRound {
  /** Whether an address may be dialled now. @default all */
  readonly mayDial?: (candidate: Candidate) => boolean
  /** We have all that we want: peers that have all as well are of no use. @default false */
  readonly seeding?: boolean
}

/** Milliseconds until the first retry; it doubles with each. */
const FIRST_RETRY = 2000
const LAST_RETRY = 600_000
/** Failures in a row after which an address is forgotten that neither the user nor a tracker named. */
const MAX_FAILURES = 10
/** Failures in a row after which a seed does not dial an address any more, unless the user named it. */
const MAX_SEED_FAILURES = 3
/** Milliseconds after which an address is forgotten that was not named again: never reached; any that a tracker named. */
const UNVERIFIED_LIFE_MS = 1_800_000
const TRACKER_LIFE_MS = 21_600_000
/** Candidates that one look at the table finds. */
const LOOK_BATCH = 16
/** Milliseconds after which the table is looked at again when there was none. */
const LOOK_AGAIN_MS = 1000
/** Failures that are remembered of addresses that were forgotten. */
const MAX_FORGOTTEN = 64
/** Characters of a failure that are kept. */
const MAX_FAILURE_TEXT = 200

/**
 * Which peer to dial next.
 *
 * Depends on: the addresses we heard of, in that order, and from whom; which of them are connected; how often each
 * came to nothing, and when; whether it is a seed, and we are; how our address and theirs go together (BEP 40); the time.
 * How to dial: with encryption or without, as it last worked, or the other way when that was refused.
 */
export class Candidates {
  readonly #table = new CandidateTable()
  /** Our own addresses, one of each family. */
  #own: { 4?: PeerAddress; 6?: PeerAddress } = {}
  /** What the last look found, the best last, and when to look again if that was nothing. */
  #found: Candidate[] = []
  #lookAt = 0
  #orders = 0
  /** Why addresses failed that are no longer kept, the latest last. */
  readonly #forgotten = new Map<string, { readonly address: PeerAddress; readonly failure: string }>()

  get size(): number {
    return this.#table.size
  }

  /** How many are not connected. */
  get idle(): number {
    let count = 0
    for (const { connected } of this.#table.values()) if (!connected) count++
    return count
  }

  /** The addresses that are not connected, some that are forgotten among them, and what the last attempt ended with. */
  *idlers(): IterableIterator<[PeerAddress, string | undefined]> {
    for (const { address, connected, failure } of this.#table.values())
      if (!connected) yield [address, failure]
    for (const [name, { address, failure }] of this.#forgotten) {
      if (!this.#table.get(name)) yield [address, failure]
    }
  }

  /** @returns whether it is new to us, and there is room for it */
  add(address: PeerAddress, source: string, naming: Naming = {}): boolean {
    const added = this.#add(address, source, naming)
    if (added) this.#lookAt = Number.NEGATIVE_INFINITY
    return added
  }

  /** Drops the addresses that these sources named. */
  forget(sources: readonly string[]): void {
    for (const candidate of [...this.#table.values()]) {
      if (sources.includes(candidate.source)) this.#table.delete(candidate)
    }
    this.#found = []
  }

  /** A peer that came to us listens at this address: it is connected. @returns undefined when it was so before */
  claim(address: PeerAddress, source: string, naming: Naming = {}): Candidate | undefined {
    this.#add(address, source, naming)
    const candidate = this.#table.get(formatAddress(address))
    if (!candidate || candidate.connected) return undefined
    candidate.connected = true
    return candidate
  }

  /** Others see us here: where there are more addresses than room, this decides which are dialled first. */
  seenAt(own: PeerAddress): void {
    const family = own.host.includes(':') ? 6 : 4
    const before = this.#own[family]
    if (before?.host === own.host && before.port === own.port) return
    this.#own = { ...this.#own, [family]: own }
  }

  /** The next to dial, if it is time for any: which failed least, then fits us best, then waits longest. */
  next(now: number, round: DialRound = {}): Candidate | undefined {
    if (this.#found.length === 0 && now >= this.#lookAt) this.#look(now, round)
    for (let best = this.#found.pop(); best; best = this.#found.pop()) {
      if (!this.#table.has(best) || !isDue(best, now, round)) continue
      best.order = ++this.#orders // the others come first the next time
      best.connected = true
      return best
    }
    return undefined
  }

  /** Not to be dialled again for so many milliseconds, as it is of no use just now. */
  rest(candidate: Candidate, now: number, ms: number): void {
    candidate.notBefore = Math.max(candidate.notBefore, now + ms)
  }

  /** Leaves the peer at this address (`host:port`) alone for so many milliseconds. */
  restAt(address: string, now: number, ms: number): void {
    const candidate = this.#table.get(address)
    if (candidate) this.rest(candidate, now, ms)
  }

  /** It hung up on how we spoke. @returns whether to dial it the other way now: not if that has just been refused too */
  turn(candidate: Candidate): boolean {
    candidate.encrypted = !candidate.encrypted
    candidate.turned = !candidate.turned
    return candidate.turned
  }

  /** It answered our handshake: what worked is remembered. */
  understood(candidate: Candidate): void {
    candidate.turned = false
    candidate.verified = true
    delete candidate.failure
  }

  /** A connection is over. @param useful whether it gave us anything; @param failure why it ended, if it failed */
  closed(candidate: Candidate, now: number, useful: boolean, failure?: string): void {
    candidate.connected = false
    candidate.failures = useful ? 0 : candidate.failures + 1
    if (failure !== undefined) candidate.failure = failure.slice(0, MAX_FAILURE_TEXT)
    const wait = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** Math.max(0, candidate.failures - 1))
    this.rest(candidate, now, wait)
    this.#lookAt = Math.min(this.#lookAt, candidate.notBefore)
  }

  #add(address: PeerAddress, source: string, { teller = '', now = 0 }: Naming): boolean {
    const known = this.#table.get(formatAddress(address))
    if (known) {
      known.namedAt = now
      this.#table.promote(known, source, teller)
      return false
    }
    return this.#table.add({
      address,
      host: hostOfCandidate(address),
      source,
      teller,
      namedAt: now,
      priority: 0,
      priorityOf: undefined,
      failures: 0,
      notBefore: Number.NEGATIVE_INFINITY,
      order: ++this.#orders,
      connected: false,
      verified: false,
      seed: false,
      encrypted: false,
      turned: false,
    })
  }

  /** Finds the best that are due, and forgets what is not worth keeping. O(n), for a batch of dials or once a second. */
  #look(now: number, round: DialRound): void {
    const found: Candidate[] = []
    let next = now + LOOK_AGAIN_MS
    for (const candidate of this.#table.values()) {
      if (isExpired(candidate, now)) this.#forget(candidate)
      else if (isDue(candidate, now, round)) this.#rank(candidate, found)
      else if (!candidate.connected && candidate.notBefore > now) next = Math.min(next, candidate.notBefore)
    }
    this.#found = found.reverse()
    this.#lookAt = found.length > 0 ? now : next
  }

  /** Puts it in its place among the best, if it is one of them. */
  #rank(candidate: Candidate, found: Candidate[]): void {
    const own = this.#own[candidate.address.host.includes(':') ? 6 : 4]
    if (own && candidate.priorityOf !== own) {
      candidate.priority = peerPriority(own, candidate.address)
      candidate.priorityOf = own
    }
    let at = found.length
    while (at > 0 && isBefore(candidate, found[at - 1]!)) at--
    if (at >= LOOK_BATCH) return
    found.splice(at, 0, candidate)
    if (found.length > LOOK_BATCH) found.pop()
  }

  #forget(candidate: Candidate): void {
    this.#table.delete(candidate)
    const { address, failure } = candidate
    if (failure === undefined) return
    this.#forgotten.set(formatAddress(address), { address, failure })
    if (this.#forgotten.size > MAX_FORGOTTEN) this.#forgotten.delete(this.#forgotten.keys().next().value!)
  }
}

function isDue(candidate: Candidate, now: number, { mayDial, seeding }: DialRound): boolean {
  const { connected, failures, notBefore, seed, source } = candidate
  if (connected || notBefore > now) return false
  if (seeding && (seed || (failures >= MAX_SEED_FAILURES && source !== 'option'))) return false
  return !mayDial || mayDial(candidate)
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
