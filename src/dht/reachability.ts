import { isLocal } from './scope.ts'

/** Milliseconds, and nodes that have answered us by then: in a DHT of that size somebody asks whoever can be reached. */
const PATIENCE = 600_000
const MANY = 200
/** Addresses that are remembered. */
const MAX_KNOWN = 4_096

/**
 * Whether strangers can reach us, or only those whom we have written to, as behind a NAT: then we are in the way of
 * whoever keeps us in a table, and say so (BEP 43).
 *
 * Depends on: whom we wrote to; how many answered; whether anybody else ever asked us something; the time. In a small
 * DHT nothing is concluded: there everybody knows everybody.
 */
export class Reachability {
  readonly #since: number
  /** Hosts that we wrote to, the one longest ago first. */
  readonly #known = new Set<string>()
  #answers = 0
  #asked = false

  /** @param now ms */
  constructor(now: number) {
    this.#since = now
  }

  wroteTo(host: string): void {
    this.#known.delete(host)
    this.#known.add(host)
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.values().next().value!)
  }

  answeredBy(host: string): void {
    if (!isLocal(host)) this.#answers++
  }

  askedBy(host: string): void {
    if (!this.#known.has(host)) this.#asked = true
  }

  /** Whether nobody seems to reach us of himself. */
  unreachable(now: number): boolean {
    return !this.#asked && this.#answers >= MANY && now - this.#since >= PATIENCE
  }
}
