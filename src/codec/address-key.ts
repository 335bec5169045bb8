import { addressBytes, hostOf } from './compact.ts'

/** Bytes of an IPv6 address that one owner usually has to itself: a /64. */
const IPV6_OWNED_BYTES = 8

/**
 * What quotas, strikes and bans count an address by: an IPv4 address as it is, an IPv6 address by its /64, which one
 * owner usually has to itself. A name stands for itself.
 */
export function addressKey(host: string): string {
  if (!host.includes(':')) return host
  const bytes = addressBytes(host.replace(/%.*$/, '')) // without the zone of a link-local address
  if (!bytes) return host
  const canonical = hostOf(bytes)
  if (!canonical.includes(':')) return canonical // an IPv4 address mapped into IPv6
  return `${hostOf(Buffer.concat([bytes.subarray(0, IPV6_OWNED_BYTES), Buffer.alloc(8)]))}/64`
}
