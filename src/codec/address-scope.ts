/** How far an IP address reaches: the one classification that every address policy goes by. */
import ipaddr from 'ipaddr.js'
import { addressBytes } from './compact.ts'

/**
 * `loopback` is this machine, `link-local` the link, `private` the local network (RFC 1918, RFC 4193), `shared` the
 * network of a carrier (RFC 6598, 100.64.0.0/10), `global` the public Internet. At `multicast` and `reserved` addresses
 * (unspecified, broadcast, documentation, benchmarking, not yet allocated) there is no one host.
 */
export type AddressScope =
  | 'loopback'
  | 'link-local'
  | 'private'
  | 'shared'
  | 'multicast'
  | 'reserved'
  | 'global'

/** Scopes of the ranges that ipaddr.js names; those that are missing here are `reserved`. */
const RANGES: Readonly<Record<string, AddressScope>> = {
  unicast: 'global',
  as112: 'global',
  as112v6: 'global',
  amt: 'global',
  loopback: 'loopback',
  linkLocal: 'link-local',
  private: 'private',
  uniqueLocal: 'private',
  deprecatedSiteLocal: 'private',
  carrierGradeNat: 'shared',
  multicast: 'multicast',
}

/** Where the IPv4 address lies in the IPv6 addresses that stand for one; Teredo inverts its bits (RFC 4380). */
const EMBEDDED: Readonly<Record<string, { readonly at: number; readonly mask: number }>> = {
  ipv4Mapped: { at: 12, mask: 0 },
  rfc6145: { at: 12, mask: 0 },
  rfc6052: { at: 12, mask: 0 },
  '6to4': { at: 2, mask: 0 },
  teredo: { at: 12, mask: 0xff },
}

/**
 * The scope of an IPv4 or IPv6 address, with or without a zone; `undefined` for anything else, such as a name. An IPv6
 * address that stands for an IPv4 one (mapped, translated, NAT64, 6to4, Teredo) has the scope of that one.
 */
export function scopeOf(address: string): AddressScope | undefined {
  const zone = address.indexOf('%')
  const bytes = addressBytes(zone < 0 ? address : address.slice(0, zone))
  return bytes && (bytes.length === 4 ? scopeOf4(bytes) : scopeOf6(bytes))
}

/** True for an address of the public Internet; false for any other, and for a name. */
export function isGlobalAddress(address: string): boolean {
  return scopeOf(address) === 'global'
}

/** How near a scope is; no host can be reached at the others. */
const NEARNESS: Partial<Record<AddressScope, number>> = {
  global: 1,
  shared: 2,
  private: 3,
  'link-local': 3,
  loopback: 4,
}

/**
 * Whether a host at `teller` can know of `address`. A remote host must not make us connect to our own network: it may
 * name the public Internet, and addresses of its own scope or a wider one.
 */
export function canTellOf(teller: string, address: string): boolean {
  const nearness = NEARNESS[scopeOf(address) ?? 'reserved']
  if (nearness === undefined) return false
  return nearness <= (NEARNESS[scopeOf(teller) ?? 'reserved'] ?? NEARNESS.global!)
}

function scopeOf4(bytes: Uint8Array): AddressScope {
  return RANGES[new ipaddr.IPv4([...bytes]).range()] ?? 'reserved'
}

function scopeOf6(bytes: Uint8Array): AddressScope {
  // RFC 8215: how a network translates these is its own affair.
  if (NETWORK_NAT64.every((byte, at) => bytes[at] === byte)) return 'private'
  const range: string = new ipaddr.IPv6([...bytes]).range()
  const embedded = EMBEDDED[range]
  if (embedded) {
    const { at, mask } = embedded
    return scopeOf4(bytes.subarray(at, at + 4).map(byte => byte ^ mask))
  }
  const scope = RANGES[range] ?? 'reserved'
  // 2000::/3 is all that has been allocated (RFC 4291).
  return scope === 'global' && bytes[0]! >> 5 !== 1 ? 'reserved' : scope
}

/** 64:ff9b:1::/48 */
const NETWORK_NAT64 = [0, 0x64, 0xff, 0x9b, 0, 1]
