import { formatAddress, type PeerAddress } from '../codec/compact.ts'
import { peerPriority } from '../codec/peer-priority.ts'

/** An address at which a peer may be, and how it went there. */
export interface Candidate {
  readonly address: PeerAddress
  /** Where we heard of it. */
  readonly source: string
  /** The canonical priority of a connection between us (BEP 40). */
  priority: number
  /** Attempts in a row that came to nothing. */
  failures: number
  /** When it may be dialled again, in ms of the clock. */
  notBefore: number
  connected: boolean
  /** Whether it is to be dialled with encryption: as it worked, or is worth trying. */
  encrypted: boolean
  /** That is tried because the other way was refused. */
  turned: boolean
}

/** How many addresses are kept. */
const MAX_CANDIDATES = 4096
/** How many of them may come from where anybody can say anything: the others are not to be crowded out. */
const MAX_HEARSAY = new Map([
  ['PEX', 1024],
  ['DHT', 2048],
  ['LSD', 256],
])
/** Milliseconds until the first retry; it doubles with each. */
const FIRST_RETRY = 2000
const LAST_RETRY = 600_000

/**
 * Whom to dial next.
 *
 * Depends on: the addresses we heard of, in that order, and from whom; which of them are connected or banned; how often each
 * came to nothing, and when; how our address and theirs go together (BEP 40); the time. How to dial: with encryption
 * or without, as it last worked, or the other way when that was refused.
 */
export class Candidates {
  readonly #all = new Map<string, Candidate>()
  /** How many there are of each source. */
  readonly #counts = new Map<string, number>()
  #own: PeerAddress | undefined

  get size(): number {
    return this.#all.size
  }

  /** How many are not connected. */
  get idle(): number {
    let count = 0
    for (const { connected } of this.#all.values()) if (!connected) count++
    return count
  }

  /** @returns whether it is new to us */
  add(address: PeerAddress, source: string): boolean {
    const key = formatAddress(address)
    if (this.#all.has(key) || this.#all.size >= MAX_CANDIDATES || !this.#hasRoom(source)) return false
    this.#count(source, 1)
    const priority = this.#own ? peerPriority(this.#own, address) : 0
    this.#all.set(key, {
      address,
      source,
      priority,
      failures: 0,
      notBefore: 0,
      connected: false,
      encrypted: false,
      turned: false,
    })
    return true
  }

  /** A peer that came to us listens at this address: it is connected. @returns undefined when it was so before */
  claim(address: PeerAddress, source: string): Candidate | undefined {
    this.add(address, source)
    const candidate = this.#all.get(formatAddress(address))
    if (!candidate || candidate.connected) return undefined
    candidate.connected = true
    return candidate
  }

  /** Leaves the peer at this address (`host:port`) alone for so many milliseconds. */
  restAt(address: string, now: number, ms: number): void {
    const candidate = this.#all.get(address)
    if (candidate) this.rest(candidate, now, ms)
  }

  /** Others see us here: where there are more addresses than room, this decides which are dialled first. */
  seenAt(own: PeerAddress): void {
    if (this.#own && formatAddress(this.#own) === formatAddress(own)) return
    this.#own = own
    for (const candidate of this.#all.values()) candidate.priority = peerPriority(own, candidate.address)
  }

  /** The next to dial, if it is time for any: who failed least, then who fits us best, then who waits longest. */
  next(now: number, mayDial: (candidate: Candidate) => boolean = () => true): Candidate | undefined {
    let best: Candidate | undefined
    for (const candidate of this.#all.values()) {
      if (candidate.connected || candidate.notBefore > now || !mayDial(candidate)) continue
      if (!best || isBefore(candidate, best)) best = candidate
    }
    if (!best) return undefined
    const key = formatAddress(best.address)
    this.#all.delete(key) // to the end: the others come first the next time
    this.#all.set(key, best)
    best.connected = true
    return best
  }

  /** Not to be dialled again for so many milliseconds, as it is of no use just now. */
  rest(candidate: Candidate, now: number, ms: number): void {
    candidate.notBefore = Math.max(candidate.notBefore, now + ms)
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
  }

  /** A connection is over. @param useful whether it gave us anything */
  closed(candidate: Candidate, now: number, useful: boolean): void {
    candidate.connected = false
    candidate.failures = useful ? 0 : candidate.failures + 1
    const wait = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** Math.max(0, candidate.failures - 1))
    this.rest(candidate, now, wait)
  }

  /** Whether one more may come from there; if not, the one that came to nothing most often makes room. */
  #hasRoom(source: string): boolean {
    if ((this.#counts.get(source) ?? 0) < (MAX_HEARSAY.get(source) ?? MAX_CANDIDATES)) return true
    let worst: [string, Candidate] | undefined
    for (const entry of this.#all) {
      const [, candidate] = entry
      if (candidate.source !== source || candidate.connected) continue
      if (candidate.failures > (worst?.[1].failures ?? 0)) worst = entry
    }
    if (!worst) return false
    this.#all.delete(worst[0])
    this.#count(source, -1)
    return true
  }

  #count(source: string, more: number): void {
    this.#counts.set(source, (this.#counts.get(source) ?? 0) + more)
  }
}

function isBefore(a: Candidate, b: Candidate): boolean {
  return a.failures < b.failures || (a.failures === b.failures && a.priority > b.priority)
}
