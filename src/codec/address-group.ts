import { addressBytes, hostOf } from './compact.ts'

/** Bytes of an IPv6 address that name its network: providers give each customer a /64 or more. */
const NETWORK_BYTES = 8

/**
 * The addresses that count as one host where a host has a quota: an IPv4 address alone, or the /64 of an IPv6
 * address. Anything else, such as a name, counts for itself.
 */
export function addressGroup(host: string): string {
  const bytes = addressBytes(host.replace(/%.*$/, ''))
  if (!bytes) return host
  const canonical = hostOf(bytes)
  if (!canonical.includes(':')) return canonical
  const network = Buffer.alloc(16)
  bytes.copy(network, 0, 0, NETWORK_BYTES)
  return `${hostOf(network)}/64`
}
