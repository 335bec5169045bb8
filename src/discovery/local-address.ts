import type { NetworkInterfaceInfo } from 'node:os'
import { addressBytes } from '../codec/compact.ts'

/** Blocks of addresses that are never routed through the Internet: first address and bits. */
const LOCAL = [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['::1', 128],
  ['fc00::', 7],
] as const

/**
 * Whether an address is in our neighbourhood: of a private block, or of a network that one of our interfaces is in.
 * IPv6 link-local ones are not: they mean nothing without the name of an interface.
 */
export function isLocalAddress(address: string, interfaces: readonly NetworkInterfaceInfo[]): boolean {
  const bytes = addressBytes(address)
  if (!bytes) return false
  if (bytes.length === 16 && sharesBits(bytes, addressBytes('fe80::'), 10)) return false
  if (LOCAL.some(([first, bits]) => sharesBits(bytes, addressBytes(first), bits))) return true
  return interfaces.some(({ address, cidr }) => {
    const bits = Number(cidr?.split('/')[1])
    // A network of everything would be no neighbourhood.
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
