import { addressKey } from '../codec/address-key.ts'
import { scopeOf } from '../codec/address-scope.ts'

interface Allowance {
  left: number
  at: number
}

/** Datagrams a second from one address, and how many may come at once; the same for all together. */
const ONE = { rate: 10, burst: 50 }
const ALL = { rate: 500, burst: 1_000 }
/** Addresses that are remembered. */
const MAX_HOSTS = 2_000

/**
 * Whether a datagram that nobody waits for is looked at: what we answer goes to an address that may be a lie, and
 * is longer than what was asked.
 *
 * Depends on: how many came from that address, and from all, in the last seconds. Loopback is not counted.
 */
export class FloodGate {
  /** Whoever was let in longest ago first. */
  readonly #hosts = new Map<string, Allowance>()
  readonly #all: Allowance = { left: ALL.burst, at: 0 }

  /** Counts one datagram from `host` at `now` ms. */
  admits(host: string, now: number): boolean {
    if (scopeOf(host) === 'loopback') return true
    // one owner usually has all of a /64
    const key = addressKey(host)
    const one = this.#hosts.get(key) ?? { left: ONE.burst, at: now }
    refill(one, ONE, now)
    refill(this.#all, ALL, now)
    if (one.left < 1 || this.#all.left < 1) return false
    one.left--
    this.#all.left--
    this.#hosts.delete(key)
    this.#hosts.set(key, one)
    if (this.#hosts.size > MAX_HOSTS) this.#hosts.delete(this.#hosts.keys().next().value!)
    return true
  }
}

function refill(allowance: Allowance, { rate, burst }: typeof ONE, now: number): void {
  allowance.left = Math.min(burst, allowance.left + ((now - allowance.at) / 1_000) * rate)
  allowance.at = now
}
