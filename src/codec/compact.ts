/** Peer addresses: 6 or 18 bytes in compact form (BEP 23, BEP 7), `host:port` as text. */

import { InputError } from '../errors.ts'
import { addressBytes, isMapped } from './address-bytes.ts'
import { checkArgument } from './check-arguments.ts'
import { quote } from './quote.ts'

/** The address of a peer: an IPv4 or IPv6 address in canonical text, or a host name to resolve. */
export interface PeerAddress {
  readonly host: string
  readonly port: number
}

/** Decodes IPv4 peers of 6 bytes each. Entries with port 0 and a partial entry at the end are ignored. */
export function decodePeers4(bytes: Uint8Array): PeerAddress[] {
  checkArgument('bytes', bytes, 'bytes')
  return decodeEntries(bytes, 4)
}

/** Decodes IPv6 peers of 18 bytes each, as `decodePeers4`. An IPv4-mapped address becomes an IPv4 address. */
export function decodePeers6(bytes: Uint8Array): PeerAddress[] {
  checkArgument('bytes', bytes, 'bytes')
  return decodeEntries(bytes, 16)
}

/** Encodes the IPv4 peers among `peers`, 6 bytes each. All others are omitted. */
export function encodePeers4(peers: Iterable<PeerAddress>): Buffer {
  return pack(peers, 4)
}

/** Encodes the IPv6 peers among `peers`, 18 bytes each. All others are omitted. */
export function encodePeers6(peers: Iterable<PeerAddress>): Buffer {
  return pack(peers, 16)
}

/** Formats an address of 4 or 16 bytes in canonical text (RFC 5952). Throws ERR_USAGE for any other length. */
export function hostOf(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.length !== 16) {
    throw new InputError('ERR_USAGE', `expected an address of 4 or 16 bytes, got ${bytes.length}`)
  }
  if (isMapped(bytes)) return bytes.subarray(12).join('.')
  const groups: number[] = []
  for (let at = 0; at < 16; at += 2) groups.push((bytes[at]! << 8) | bytes[at + 1]!)
  const gap = longestZeros(groups)
  const hex = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map(group => group.toString(16))
      .join(':')
  return gap.length < 2 ? hex(0, 8) : `${hex(0, gap.start)}::${hex(gap.start + gap.length, 8)}`
}

/**
 * Returns the canonical form of a host, which the whole program uses. An address is in canonical text. An IPv4-mapped
 * address becomes an IPv4 address. A host name is unchanged. A link-local address keeps its zone, since it cannot be
 * reached without it. Every address from a socket, a message or an option passes through here or is decoded from bytes.
 */
export function canonicalHost(host: string): string {
  const [, address = host, zone = ''] = /^([^%]*)(%.+)$/s.exec(host) ?? []
  const bytes = addressBytes(address)
  if (!bytes) return host
  const isLinkLocal = bytes.length === 16 && bytes[0] === 0xfe && bytes[1]! >> 6 === 2
  return hostOf(bytes) + (isLinkLocal ? zone : '')
}

/** Returns a peer address with its host in canonical form. */
export function canonicalAddress({ host, port }: PeerAddress): PeerAddress {
  return { host: canonicalHost(host), port }
}

/** Formats an address as `1.2.3.4:80` or `[::1]:80`. */
export function formatAddress(address: PeerAddress): string {
  if (typeof (address as PeerAddress | undefined)?.host !== 'string')
    throw new InputError('ERR_USAGE', 'address: expected { host, port }')
  const { host, port } = address
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Parses the format of `formatAddress`, or `name:port`. Throws ERR_USAGE, naming the value. */
export function parseAddress(value: string): PeerAddress {
  if (typeof value !== 'string')
    throw new InputError('ERR_USAGE', `address: expected host:port, got ${typeof value}`)
  const match = /^(?:\[([^[\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(value)
  const port = Number(match?.[3])
  if (!match || port < 1 || port > 65535) fail(value)
  const [, six, other = ''] = match
  const bytes = addressBytes(six ?? other)
  if (bytes) return { host: hostOf(bytes), port }
  // Digits and dots that are not an address would go to the resolver as a host name.
  if (six !== undefined || /^[\d.]+$/.test(other) || !/^[\w.-]{1,253}$/.test(other)) fail(value)
  return { host: other, port }
}

function fail(value: string): never {
  throw new InputError('ERR_USAGE', `expected HOST:PORT or [IPV6]:PORT, got ${quote(value)}`)
}

function decodeEntries(bytes: Uint8Array, size: number): PeerAddress[] {
  const peers: PeerAddress[] = []
  for (let at = 0; at + size + 2 <= bytes.length; at += size + 2) {
    const port = (bytes[at + size]! << 8) | bytes[at + size + 1]!
    if (port !== 0) peers.push({ host: hostOf(bytes.subarray(at, at + size)), port })
  }
  return peers
}

function pack(peers: Iterable<PeerAddress>, size: number): Buffer {
  checkArgument('peers', peers, 'iterable')
  const parts: Buffer[] = []
  for (const { host, port } of peers) {
    const address = addressBytes(host)
    if (address?.length === size) parts.push(address, Buffer.from([port >> 8, port & 255]))
  }
  return Buffer.concat(parts)
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (groups[start + length] === 0) length++
    if (length > best.length) best = { start, length }
  }
  return best
}
