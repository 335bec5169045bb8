/** The packets of UDP trackers (BEP 15, BEP 41). Numbers are big-endian. A reply has the transaction of its request. */
import type { AddressFamily } from './address-family.ts'
import { decodePeers4, decodePeers6, type PeerAddress } from './compact.ts'

/** The number of each event. BEP 15 has none for `paused`. */
const EVENT_CODES = { none: 0, completed: 1, started: 2, stopped: 3, paused: 0 } as const
const ACTION_NAMES = ['connect', 'announce', 'scrape', 'error'] as const
const PROTOCOL_ID = 0x41727101980n
/** Maximum length of the data of one option, in bytes (BEP 41). */
const MAX_OPTION_BYTES = 255
/** The type of the option that carries path and query (BEP 41). */
const URL_DATA_OPTION = 2

/** Maximum number of torrents in one scrape. It keeps the packet from being fragmented. */
export const MAX_SCRAPE = 74
/** Maximum number of peers that we read from one reply. A datagram has room for ten thousand. */
const MAX_PEERS = 2_000

/** The fields of an announce, as in HTTP. */
export interface AnnounceFields {
  /** 20 bytes. */
  readonly infoHash: Uint8Array
  /** 20 bytes. */
  readonly peerId: Uint8Array
  readonly downloaded: number
  readonly left: number
  readonly uploaded: number
  readonly event?: 'completed' | 'started' | 'stopped' | 'paused'
  /** 32 bits. */
  readonly key: number
  readonly numwant: number
  readonly port: number
}

/** A tracker's counts of seeders (`complete`), leechers (`incomplete`) and completed downloads (`downloaded`). */
export interface Counts {
  readonly complete: number
  readonly incomplete: number
  readonly downloaded: number
}

/** A packet from a tracker. `transaction` is that of the request. */
export type TrackerPacket =
  | { readonly action: 'connect'; readonly transaction: number; readonly connection: Uint8Array }
  | {
      readonly action: 'announce'
      readonly transaction: number
      /** Time until the next announce in seconds, as sent by the tracker. */
      readonly interval: number
      readonly leechers: number
      readonly seeders: number
      readonly peers: readonly PeerAddress[]
    }
  | { readonly action: 'scrape'; readonly transaction: number; readonly counts: readonly Counts[] }
  | { readonly action: 'error'; readonly transaction: number; readonly message: Uint8Array }

/** Encodes a request for a connection id, 16 bytes. */
export function encodeConnect(transaction: number): Buffer {
  const packet = Buffer.alloc(16)
  packet.writeBigUInt64BE(PROTOCOL_ID)
  packet.writeUInt32BE(transaction, 12)
  return packet
}

/**
 * Encodes an announce: 98 bytes, followed by path and query of the tracker's URL as options (BEP 41).
 * @param connection the connection id from the tracker, 8 bytes
 * @param target path and query, or ''
 */
export function encodeAnnounce(
  connection: Uint8Array,
  transaction: number,
  fields: AnnounceFields,
  target = '',
): Buffer {
  const packet = Buffer.alloc(98)
  writeHead(packet, connection, 1, transaction)
  packet.set(fields.infoHash.subarray(0, 20), 16)
  packet.set(fields.peerId.subarray(0, 20), 36)
  packet.writeBigUInt64BE(BigInt(fields.downloaded), 56)
  packet.writeBigUInt64BE(BigInt(fields.left), 64)
  packet.writeBigUInt64BE(BigInt(fields.uploaded), 72)
  packet.writeUInt32BE(EVENT_CODES[fields.event ?? 'none'], 80)
  // The IP address field at 84 stays 0: few trackers use it, and an IPv6 address does not fit.
  packet.writeUInt32BE(fields.key >>> 0, 88)
  packet.writeInt32BE(fields.numwant, 92)
  packet.writeUInt16BE(fields.port, 96)
  return Buffer.concat([packet, ...urlData(target)])
}

/** Encodes a scrape of up to `MAX_SCRAPE` torrents. More are omitted. */
export function encodeScrape(
  connection: Uint8Array,
  transaction: number,
  infoHashes: readonly Uint8Array[],
): Buffer {
  const hashes = infoHashes.slice(0, MAX_SCRAPE)
  const packet = Buffer.alloc(16 + 20 * hashes.length)
  writeHead(packet, connection, 2, transaction)
  hashes.forEach((hash, index) => {
    packet.set(hash.subarray(0, 20), 16 + 20 * index)
  })
  return packet
}

/**
 * Decodes a packet. Returns `undefined` if it is too short or its action is unknown. Extra bytes at the end are
 * ignored (BEP 15), and so is a partial entry.
 * @param family the family of the address that sent the packet
 */
export function decodePacket(packet: Uint8Array, family: AddressFamily): TrackerPacket | undefined {
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.length)
  if (bytes.length < 8) return undefined
  const action = ACTION_NAMES[bytes.readUInt32BE(0)]
  const transaction = bytes.readUInt32BE(4)
  const body = bytes.subarray(8)
  if (action === 'error') return { action, transaction, message: Buffer.from(body) }
  if (action === 'scrape') return { action, transaction, counts: readCounts(body) }
  if (action === 'connect' && body.length >= 8)
    return { action, transaction, connection: Buffer.from(body.subarray(0, 8)) }
  if (action !== 'announce' || body.length < 12) return undefined
  const [size, read] = family === 4 ? ([6, decodePeers4] as const) : ([18, decodePeers6] as const)
  return {
    action,
    transaction,
    interval: body.readUInt32BE(0),
    leechers: body.readUInt32BE(4),
    seeders: body.readUInt32BE(8),
    peers: read(body.subarray(12, 12 + size * MAX_PEERS)),
  }
}

function writeHead(packet: Buffer, connection: Uint8Array, action: number, transaction: number): void {
  packet.set(connection.subarray(0, 8))
  packet.writeUInt32BE(action, 8)
  packet.writeUInt32BE(transaction, 12)
}

/** Encodes `target` as options, split if it is long. The end of the packet ends the options. */
function urlData(target: string): Buffer[] {
  const bytes = Buffer.from(target)
  const options: Buffer[] = []
  for (let at = 0; at < bytes.length; at += MAX_OPTION_BYTES) {
    const data = bytes.subarray(at, at + MAX_OPTION_BYTES)
    options.push(Buffer.from([URL_DATA_OPTION, data.length]), data)
  }
  return options
}

function readCounts(body: Buffer): Counts[] {
  const counts: Counts[] = []
  for (let at = 0; at + 12 <= body.length && counts.length < MAX_SCRAPE; at += 12) {
    counts.push({
      complete: body.readUInt32BE(at),
      downloaded: body.readUInt32BE(at + 4),
      incomplete: body.readUInt32BE(at + 8),
    })
  }
  return counts
}
