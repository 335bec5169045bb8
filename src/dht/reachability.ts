import { isLocal } from './scope.ts'

/** Time before a conclusion is drawn, milliseconds. */
const OBSERVATION_MS = 600_000
/** Number of replies before a conclusion is drawn. In a DHT of that size every reachable node receives queries. */
const MIN_REPLIES = 200
/** Number of addresses that are remembered. */
const MAX_KNOWN_HOSTS = 4_096

/**
 * Detects if unknown nodes can reach us. Behind a NAT, only nodes that we have contacted can. We are then useless in
 * routing tables, and say so (BEP 43).
 *
 * Inputs: the hosts that we contacted; the number of replies; whether any other host sent us a query; the time. It draws
 * no conclusion in a small DHT, since all of its nodes know each other.
 */
export class Reachability {
  readonly #since: number
  /** Hosts that we contacted, the least recent first. */
  readonly #known = new Set<string>()
  #answers = 0
  #asked = false

  /** @param now ms */
  constructor(now: number) {
    this.#since = now
  }

  /** Records that we sent a query to a host. */
  wroteTo(host: string): void {
    this.#known.delete(host)
    this.#known.add(host)
    if (this.#known.size > MAX_KNOWN_HOSTS) this.#known.delete(this.#known.values().next().value!)
  }

  /** Records a reply of a host. */
  answeredBy(host: string): void {
    if (!isLocal(host)) this.#answers++
  }

  /** Records a query of a host. */
  askedBy(host: string): void {
    if (!this.#known.has(host)) this.#asked = true
  }

  /** Returns true if unknown nodes apparently cannot reach us. */
  unreachable(now: number): boolean {
    return !this.#asked && this.#answers >= MIN_REPLIES && now - this.#since >= OBSERVATION_MS
  }
}
