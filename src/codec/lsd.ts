/** The announce message of Local Service Discovery: HTTP-style headers in one datagram (BEP 14). */

import type { AddressFamily } from './address-family.ts'
import { formatAddress, type PeerAddress } from './compact.ts'

/** The multicast group of each address family. */
export const LSD_GROUPS: Readonly<Record<AddressFamily, PeerAddress>> = {
  4: { host: '239.192.152.143', port: 6771 },
  6: { host: 'ff15::efc0:988f', port: 6771 },
}
/** Maximum number of info-hashes that we send in one announce. It then stays below 1,400 bytes. */
export const LSD_HASHES = 24
/** Maximum length of a packet that we read, in bytes. It has room for 40 info-hashes. */
const MAX_PACKET = 2_048
/** Maximum length of a cookie that we read, in characters. */
const MAX_COOKIE = 64

/** The content of an LSD announce. */
export interface LsdAnnounce {
  /** The TCP port on which the sender accepts peers. */
  readonly port: number
  /** At least one, 40 lower-case hex digits each. */
  readonly infoHashes: readonly string[]
  /** A value by which the sender recognizes its own announces. */
  readonly cookie?: string
}

/** Encodes an announce to the group of `family`. Info-hashes beyond `LSD_HASHES` are omitted. */
export function encodeLsd(family: AddressFamily, { port, infoHashes, cookie }: LsdAnnounce): Buffer {
  const lines = [
    'BT-SEARCH * HTTP/1.1',
    `Host: ${formatAddress(LSD_GROUPS[family])}`,
    `Port: ${port}`,
    ...infoHashes.slice(0, LSD_HASHES).map(hash => `Infohash: ${hash}`),
    ...(cookie === undefined ? [] : [`cookie: ${cookie}`]),
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n\r\n`, 'latin1')
}

/** Decodes an announce. Returns `undefined` for any other packet. Unknown headers are ignored. */
export function decodeLsd(packet: Uint8Array): LsdAnnounce | undefined {
  if (packet.length > MAX_PACKET) return undefined
  const [first = '', ...lines] = Buffer.from(packet.buffer, packet.byteOffset, packet.length)
    .toString('latin1')
    .split(/\r?\n/)
  if (!/^BT-SEARCH \* HTTP\/1\.\d$/i.test(first)) return undefined
  let port = 0
  let cookie: string | undefined
  const infoHashes = new Set<string>()
  for (const line of lines) {
    if (line === '') break
    const [, name = '', value = ''] = /^([\w-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? []
    const key = name.toLowerCase()
    if (key === 'port' && /^\d{1,5}$/.test(value)) port = Number(value)
    if (key === 'infohash' && /^[0-9a-f]{40}$/i.test(value)) infoHashes.add(value.toLowerCase())
    if (key === 'cookie' && value.length <= MAX_COOKIE) cookie = value
  }
  if (port < 1 || port > 65535 || infoHashes.size === 0) return undefined
  return { port, infoHashes: [...infoHashes], ...(cookie !== undefined && { cookie }) }
}
