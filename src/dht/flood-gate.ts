import { addressKey } from '../codec/address-key.ts'
import { scopeOf } from '../codec/address-scope.ts'

/** A token bucket. */
interface Allowance {
  left: number
  at: number
}

/** The limit for one address: datagrams per second, and the size of a burst. */
const HOST_LIMIT = { rate: 10, burst: 50 }
/** The limit for all addresses together. */
const TOTAL_LIMIT = { rate: 500, burst: 1_000 }
/** Maximum number of addresses that are remembered. */
const MAX_HOSTS = 2_000

/**
 * Limits the rate of unexpected datagrams that we process. Our reply is longer than the query, and the source address of
 * the query may be forged.
 *
 * Inputs: the number of datagrams from the address, and from all addresses, in the last seconds. Loopback is exempt.
 */
export class FloodGate {
  /** By address, the least recently admitted first. */
  readonly #hosts = new Map<string, Allowance>()
  readonly #all: Allowance = { left: TOTAL_LIMIT.burst, at: 0 }

  /** Counts a datagram from `host` at `now` ms. @returns true if it may be processed */
  admits(host: string, now: number): boolean {
    if (scopeOf(host) === 'loopback') return true
    // an IPv6 /64 usually belongs to one host
    const key = addressKey(host)
    const one = this.#hosts.get(key) ?? { left: HOST_LIMIT.burst, at: now }
    refill(one, HOST_LIMIT, now)
    refill(this.#all, TOTAL_LIMIT, now)
    if (one.left < 1 || this.#all.left < 1) return false
    one.left--
    this.#all.left--
    this.#hosts.delete(key)
    this.#hosts.set(key, one)
    if (this.#hosts.size > MAX_HOSTS) this.#hosts.delete(this.#hosts.keys().next().value!)
    return true
  }
}

function refill(allowance: Allowance, { rate, burst }: typeof HOST_LIMIT, now: number): void {
  allowance.left = Math.min(burst, allowance.left + ((now - allowance.at) / 1_000) * rate)
  allowance.at = now
}
