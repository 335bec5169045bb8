import { formatAddress, type PeerAddress } from '../codec/compact.ts'

/** An address at which a peer may be, and how it went there. */
export interface Candidate {
  readonly address: PeerAddress
  /** Where we heard of it. */
  readonly source: string
  /** Attempts in a row that came to nothing. */
  failures: number
  /** When it may be dialled again, in ms of the clock. */
  notBefore: number
  /** Why it is never dialled again. */
  banned?: string
  connected: boolean
}

/** How many addresses are kept. */
const MAX_CANDIDATES = 4096
/** Milliseconds until the first retry; it doubles with each. */
const FIRST_RETRY = 2000
const LAST_RETRY = 600_000

/**
 * Whom to dial next.
 *
 * Depends on: the addresses we heard of, in that order; which of them are connected or banned; how often each
 * came to nothing, and when; the time.
 */
export class Candidates {
  readonly #all = new Map<string, Candidate>()

  get size(): number {
    return this.#all.size
  }

  /** How many are neither connected nor banned. */
  get idle(): number {
    let count = 0
    for (const { connected, banned } of this.#all.values()) if (!connected && !banned) count++
    return count
  }

  /** @returns whether it is new to us */
  add(address: PeerAddress, source: string): boolean {
    const key = formatAddress(address)
    if (this.#all.has(key) || this.#all.size >= MAX_CANDIDATES) return false
    this.#all.set(key, { address, source, failures: 0, notBefore: 0, connected: false })
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

  /** Nobody at this address (`host:port`) is dialled again. */
  ban(address: string, reason: string): void {
    const candidate = this.#all.get(address)
    if (candidate) candidate.banned = reason
  }

  /** The next to dial, if it is time for any. */
  next(now: number): Candidate | undefined {
    for (const [key, candidate] of this.#all) {
      if (candidate.connected || candidate.banned || candidate.notBefore > now) continue
      this.#all.delete(key) // to the end: the others come first the next time
      this.#all.set(key, candidate)
      candidate.connected = true
      return candidate
    }
    return undefined
  }

  /** Not to be dialled again for so many milliseconds, as it is of no use just now. */
  rest(candidate: Candidate, now: number, ms: number): void {
    candidate.notBefore = Math.max(candidate.notBefore, now + ms)
  }

  /** A connection is over. @param useful whether it gave us anything */
  closed(candidate: Candidate, now: number, useful: boolean): void {
    candidate.connected = false
    candidate.failures = useful ? 0 : candidate.failures + 1
    candidate.notBefore = now + Math.min(LAST_RETRY, FIRST_RETRY * 2 ** Math.max(0, candidate.failures - 1))
  }
}
