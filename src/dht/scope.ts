import { addressBytes } from '../codec/address-bytes.ts'
import { scopeOf } from '../codec/address-scope.ts'

/** Returns true for an address that is exempt from BEP 42 and may have many nodes: local IPv4 and IPv6 addresses. */
export function isLocal(host: string): boolean {
  const scope = scopeOf(host)
  return scope === 'loopback' || scope === 'link-local' || scope === 'private'
}

/** Returns true if a node can have this address. */
export function isUnicast(host: string): boolean {
  const scope = scopeOf(host)
  return scope !== undefined && scope !== 'multicast' && scope !== 'reserved'
}

/** Returns the network of an address that probably has one owner: /24 for IPv4, /64 for IPv6. */
export function networkOf(host: string): string {
  const bytes = addressBytes(host)
  return bytes ? bytes.subarray(0, bytes.length === 4 ? 3 : 8).toString('hex') : host
}
