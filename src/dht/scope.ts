import { scopeOf } from '../codec/address-scope.ts'
import { addressBytes } from '../codec/compact.ts'

/** Whether an address is exempt from BEP 42, and may be that of many nodes: those that BEP 42 lists, and their IPv6 kin. */
export function isLocal(host: string): boolean {
  const scope = scopeOf(host)
  return scope === 'loopback' || scope === 'link-local' || scope === 'private'
}

/** Whether one node can be at this address. */
export function isUnicast(host: string): boolean {
  const scope = scopeOf(host)
  return scope !== undefined && scope !== 'multicast' && scope !== 'reserved'
}

/** The network that an address is in, as far as one owner is likely: /24 of IPv4, /64 of IPv6. */
export function networkOf(host: string): string {
  const bytes = addressBytes(host)
  return bytes ? bytes.subarray(0, bytes.length === 4 ? 3 : 8).toString('hex') : host
}
