/** Peer addresses: six or eighteen bytes on the wire (BEP 23, BEP 7), `host:port` for people. */
import { InputError } from '../errors.ts'
import { quote } from './quote.ts'
import { urlOf } from './url.ts'

/** Where a peer listens: an IPv4 or IPv6 address in canonical text, or a name to be resolved. */
export interface PeerAddress {
  readonly host: string
  readonly port: number
}

/** IPv4 peers, six bytes each. A partial entry at the end and entries with port 0 are ignored. */
export function decodePeers4(bytes: Uint8Array): PeerAddress[] {
  return entries(bytes, 4)
}

/** IPv6 peers, eighteen bytes each, as `decodePeers4`. An IPv4-mapped address comes out as the IPv4 one it means. */
export function decodePeers6(bytes: Uint8Array): PeerAddress[] {
  return entries(bytes, 16)
}

/** The IPv4 peers among `peers`, six bytes each; all others are left out. */
export function encodePeers4(peers: Iterable<PeerAddress>): Buffer {
  return pack(peers, 4)
}

/** The IPv6 peers among `peers`, eighteen bytes each; all others are left out. */
export function encodePeers6(peers: Iterable<PeerAddress>): Buffer {
  return pack(peers, 16)
}

/** An address of 4 or 16 bytes in canonical text (RFC 5952). Throws ERR_USAGE for any other length. */
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
 * The 4 or 16 bytes of an IPv4 or IPv6 address, or `undefined` for anything else, such as a name. An IPv4-mapped address
 * is the IPv4 one that it means.
 */
export function addressBytes(host: string): Buffer | undefined {
  const four = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(host)
  if (four) {
    const numbers = four.slice(1).map(Number)
    return numbers.every(number => number <= 255) ? Buffer.from(numbers) : undefined
  }
  if (!host.includes(':') || !/^[0-9a-f:.]+$/i.test(host)) return undefined
  const url = urlOf(`http://[${host}]`)
  if (!url) return undefined
  // The URL parser gives hex groups only, so what is left to do is to fill the gap.
  const [left = '', right] = url.hostname.slice(1, -1).split('::')
  const split = (part: string) => (part === '' ? [] : part.split(':'))
  const head = split(left)
  const tail = split(right ?? '')
  const groups = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail]
  const bytes = Buffer.alloc(16)
  groups.forEach((group, index) => {
    bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2)
  })
  return isMapped(bytes) ? bytes.subarray(12) : bytes
}

/**
 * A host as all parts of the program spell it: an address in canonical text, an IPv4-mapped one as the IPv4 one it
 * means, a name as it is. A link-local address keeps its zone, as it cannot be reached without it. Every address that
 * enters, from a socket, a message or an option, passes through here or is decoded from bytes.
 */
export function canonicalHost(host: string): string {
  const [, address = host, zone = ''] = /^([^%]*)(%.+)$/s.exec(host) ?? []
  const bytes = addressBytes(address)
  if (!bytes) return host
  const isLinkLocal = bytes.length === 16 && bytes[0] === 0xfe && bytes[1]! >> 6 === 2
  return hostOf(bytes) + (isLinkLocal ? zone : '')
}

/** A peer address with its host in canonical form. */
export function canonicalAddress({ host, port }: PeerAddress): PeerAddress {
  return { host: canonicalHost(host), port }
}

/** `1.2.3.4:80` or `[::1]:80`. */
export function formatAddress({ host, port }: PeerAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** What `formatAddress` writes, or a name and a port. Throws ERR_USAGE, naming the value. */
export function parseAddress(value: string): PeerAddress {
  const match = /^(?:\[([^[\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(value)
  const port = Number(match?.[3])
  if (!match || port < 1 || port > 65535) fail(value)
  const [, six, other = ''] = match
  const bytes = addressBytes(six ?? other)
  if (bytes) return { host: hostOf(bytes), port }
  // What looks like numbers but is no address would reach the resolver as a name.
  if (six !== undefined || /^[\d.]+$/.test(other) || !/^[\w.-]{1,253}$/.test(other)) fail(value)
  return { host: other, port }
}

function fail(value: string): never {
  throw new InputError('ERR_USAGE', `expected HOST:PORT or [IPV6]:PORT, got ${quote(value)}`)
}

function entries(bytes: Uint8Array, size: number): PeerAddress[] {
  const peers: PeerAddress[] = []
  for (let at = 0; at + size + 2 <= bytes.length; at += size + 2) {
    const port = (bytes[at + size]! << 8) | bytes[at + size + 1]!
    if (port !== 0) peers.push({ host: hostOf(bytes.subarray(at, at + size)), port })
  }
  return peers
}

function pack(peers: Iterable<PeerAddress>, size: number): Buffer {
  const parts: Buffer[] = []
  for (const { host, port } of peers) {
    const address = addressBytes(host)
    if (address?.length === size) parts.push(address, Buffer.from([port >> 8, port & 255]))
  }
  return Buffer.concat(parts)
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes[10] === 255 && bytes[11] === 255 && bytes.subarray(0, 10).every(byte => byte === 0)
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
