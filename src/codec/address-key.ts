import { zonelessBytes } from './address-bytes.ts'
import { hostOf } from './compact.ts'

/** Length of the IPv6 network prefix that is usually assigned to one subscriber, in bytes: a /64. */
const IPV6_PREFIX_BYTES = 8

/**
 * Returns the key under which quotas, strikes and bans count a host. An IPv4 address is its own key. An IPv6 address
 * is counted by its /64, which is usually assigned to one subscriber. A host name is its own key.
 */
export function addressKey(host: string): string {
  if (!host.includes(':')) return host
  const bytes = zonelessBytes(host)
  if (!bytes) return host
  const canonical = hostOf(bytes)
  if (!canonical.includes(':')) return canonical // an IPv4 address mapped into IPv6
  return `${hostOf(Buffer.concat([bytes.subarray(0, IPV6_PREFIX_BYTES), Buffer.alloc(8)]))}/64`
}
