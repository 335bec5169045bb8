import type { NetworkInterfaceInfo } from 'node:os'
import { addressBytes } from '../codec/address-bytes.ts'
import { scopeOf } from '../codec/address-scope.ts'

/**
 * True if an address belongs to the local network: it is private, or in the network of one of our interfaces. IPv6
 * link-local addresses do not count, because they need the name of an interface.
 */
export function isLocalAddress(address: string, interfaces: readonly NetworkInterfaceInfo[]): boolean {
  const bytes = addressBytes(address)
  if (!bytes) return false
  switch (scopeOf(address)) {
    case 'loopback':
    case 'private':
    case 'shared':
      return true
    case 'link-local':
      return bytes.length === 4
  }
  return interfaces.some(({ address, cidr }) => {
    const bits = Number(cidr?.split('/')[1])
    // A very large network is not a local one.
    return bits >= 8 && sharesBits(bytes, addressBytes(address), bits)
  })
}

function sharesBits(a: Uint8Array, b: Uint8Array | undefined, bits: number): boolean {
  if (a.length !== b?.length) return false
  const whole = bits >> 3
  const rest = bits & 7
  for (let at = 0; at < whole; at++) if (a[at] !== b[at]) return false
  return rest === 0 || a[whole]! >> (8 - rest) === b[whole]! >> (8 - rest)
}
