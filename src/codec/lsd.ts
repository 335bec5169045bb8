/** The announce of Local Service Discovery: an HTTP head in one datagram (BEP 14). */
import { formatAddress, type PeerAddress } from './compact.ts'
import type { Family } from './udp-tracker.ts'

/** The multicast groups that it goes to. */
export const LSD_GROUPS: Readonly<Record<Family, PeerAddress>> = {
  4: { host: '239.192.152.143', port: 6771 },
  6: { host: 'ff15::efc0:988f', port: 6771 },
}
/** Most info-hashes of one announce of ours: it stays below 1,400 bytes. */
export const LSD_HASHES = 24
/** Longest packet that is read, in bytes; it holds forty info-hashes. */
const MAX_PACKET = 2_048
/** Longest cookie that is looked at, in characters. */
const MAX_COOKIE = 64

export interface LsdAnnounce {
  /** Where the sender accepts peers. */
  readonly port: number
  /** Forty hex digits each, lower case; at least one. */
  readonly infoHashes: readonly string[]
  /** What the sender knows its own announces by. */
  readonly cookie?: string
}

/** An announce to the group of this family; info-hashes beyond LSD_HASHES are left out. */
export function encodeLsd(family: Family, { port, infoHashes, cookie }: LsdAnnounce): Buffer {
  const lines = [
    'BT-SEARCH * HTTP/1.1',
    `Host: ${formatAddress(LSD_GROUPS[family])}`,
    `Port: ${port}`,
    ...infoHashes.slice(0, LSD_HASHES).map(hash => `Infohash: ${hash}`),
    ...(cookie === undefined ? [] : [`cookie: ${cookie}`]),
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n\r\n`, 'latin1')
}

/** What `packet` announces, or `undefined` where it is no announce; headers that we do not know are ignored. */
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
