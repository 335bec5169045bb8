/** The scope of an IP address. Every address policy uses this classification. */
import ipaddr from 'ipaddr.js'
import { zonelessBytes } from './address-bytes.ts'

/**
 * The network within which an address is valid:
 *
 * - `loopback`: this machine
 * - `link-local`: the link
 * - `private`: the local network (RFC 1918, RFC 4193)
 * - `shared`: a carrier's network (RFC 6598, 100.64.0.0/10)
 * - `global`: the public Internet
 * - `multicast` and `reserved`: not the address of one host. Reserved addresses are the unspecified, broadcast,
 *   documentation, benchmarking and unallocated ones.
 */
export type AddressScope =
  | 'loopback'
  | 'link-local'
  | 'private'
  | 'shared'
  | 'multicast'
  | 'reserved'
  | 'global'

/** The scope of each range that ipaddr.js names. A range that is missing here is `reserved`. */
const RANGE_SCOPES: Readonly<Record<string, AddressScope>> = {
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

/** The offset of the IPv4 address that an IPv6 address embeds, by range. Teredo inverts its bits (RFC 4380). */
const EMBEDDED_IPV4: Readonly<Record<string, { readonly at: number; readonly mask: number }>> = {
  ipv4Mapped: { at: 12, mask: 0 },
  rfc6145: { at: 12, mask: 0 },
  rfc6052: { at: 12, mask: 0 },
  '6to4': { at: 2, mask: 0 },
  teredo: { at: 12, mask: 0xff },
}

/**
 * Returns the scope of an IPv4 or IPv6 address, with or without a zone. Returns `undefined` for anything else, such as
 * a host name. An IPv6 address that embeds an IPv4 address (mapped, translated, NAT64, 6to4, Teredo) has the scope of
 * the embedded address.
 */
export function scopeOf(address: string): AddressScope | undefined {
  const bytes = zonelessBytes(address)
  return bytes && (bytes.length === 4 ? scopeOf4(bytes) : scopeOf6(bytes))
}

/** Returns true for an address of the public Internet. Returns false for any other address and for a host name. */
export function isGlobalAddress(address: string): boolean {
  return scopeOf(address) === 'global'
}

/** The nearness of each scope: the greater, the narrower the network. A scope that is missing here has no hosts. */
const SCOPE_NEARNESS: Partial<Record<AddressScope, number>> = {
  global: 1,
  shared: 2,
  private: 3,
  'link-local': 3,
  loopback: 4,
}

/**
 * Returns true if we accept `address` from a host at `source`. A remote host must not make us connect to our own
 * network, so it may name only addresses of its own scope or of a wider one. The public Internet is the widest.
 */
export function canTellOf(source: string, address: string): boolean {
  const nearness = SCOPE_NEARNESS[scopeOf(address) ?? 'reserved']
  if (nearness === undefined) return false
  return nearness <= (SCOPE_NEARNESS[scopeOf(source) ?? 'reserved'] ?? SCOPE_NEARNESS.global!)
}

function scopeOf4(bytes: Uint8Array): AddressScope {
  return RANGE_SCOPES[new ipaddr.IPv4([...bytes]).range()] ?? 'reserved'
}

function scopeOf6(bytes: Uint8Array): AddressScope {
  // RFC 8215: each network translates these addresses in its own way.
  if (LOCAL_NAT64_PREFIX.every((byte, at) => bytes[at] === byte)) return 'private'
  const range: string = new ipaddr.IPv6([...bytes]).range()
  const embedded = EMBEDDED_IPV4[range]
  if (embedded) {
    const { at, mask } = embedded
    return scopeOf4(bytes.subarray(at, at + 4).map(byte => byte ^ mask))
  }
  const scope = RANGE_SCOPES[range] ?? 'reserved'
  // Global unicast addresses are allocated from 2000::/3 only (RFC 4291).
  return scope === 'global' && bytes[0]! >> 5 !== 1 ? 'reserved' : scope
}

/** 64:ff9b:1::/48, the prefix for local-use NAT64 (RFC 8215). */
const LOCAL_NAT64_PREFIX = [0, 0x64, 0xff, 0x9b, 0, 1]
