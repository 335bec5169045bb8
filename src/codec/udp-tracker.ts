/** The packets of UDP trackers (BEP 15, 41). Numbers are big-endian, a reply's transaction is the request's. */
import { decodePeers4, decodePeers6, type PeerAddress } from './compact.ts'

/** An address family, as Node numbers them: it decides how long a peer in a reply is. */
export type Family = 4 | 6

/** Events as they are numbered on the wire; BEP 15 has no number for `paused`. */
const EVENTS = { none: 0, completed: 1, started: 2, stopped: 3, paused: 0 } as const
const ACTIONS = ['connect', 'announce', 'scrape', 'error'] as const
const PROTOCOL_ID = 0x41727101980n
/** The longest piece of an address that one option takes (BEP 41). */
const OPTION_DATA = 255
const URL_DATA = 2

/** Most torrents that one scrape asks about: so the packet is not cut into fragments on its way. */
export const MAX_SCRAPE = 74
/** Most peers of one reply that are read; a datagram could hold ten thousand. */
const MAX_PEERS = 2_000

/** What an announce tells, as in HTTP. */
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

/** How many peers a tracker counts; `downloaded` is how often it was told of a completed download. */
export interface Counts {
  readonly complete: number
  readonly incomplete: number
  readonly downloaded: number
}

/** What a tracker may send; every one names the transaction that it answers. */
export type TrackerPacket =
  | { readonly action: 'connect'; readonly transaction: number; readonly connection: Uint8Array }
  | {
      readonly action: 'announce'
      readonly transaction: number
      /** Seconds until the next announce, as the tracker said it. */
      readonly interval: number
      readonly leechers: number
      readonly seeders: number
      readonly peers: readonly PeerAddress[]
    }
  | { readonly action: 'scrape'; readonly transaction: number; readonly counts: readonly Counts[] }
  | { readonly action: 'error'; readonly transaction: number; readonly message: Uint8Array }

/** Asks for a connection id: 16 bytes. */
export function encodeConnect(transaction: number): Buffer {
  const packet = Buffer.alloc(16)
  packet.writeBigUInt64BE(PROTOCOL_ID)
  packet.writeUInt32BE(transaction, 12)
  return packet
}

/**
 * Announces us: 98 bytes, and path and query of the tracker's address as options behind them (BEP 41).
 * @param connection the eight bytes that the tracker gave
 * @param target path and query, '' for none
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
  packet.writeUInt32BE(EVENTS[fields.event ?? 'none'], 80)
  // At 84 an address in place of the sender's: left 0, as trackers rarely heed it and IPv6 does not fit.
  packet.writeUInt32BE(fields.key >>> 0, 88)
  packet.writeInt32BE(fields.numwant, 92)
  packet.writeUInt16BE(fields.port, 96)
  return Buffer.concat([packet, ...urlData(target)])
}

/** Asks about torrents, up to MAX_SCRAPE of them; those beyond are left out. */
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
 * What `packet` says, or `undefined` where it is too short or of no action that we know.
 * Longer packets than needed are read (BEP 15), partial entries at the end are not.
 * @param family of the address that it came from
 */
export function decodePacket(packet: Uint8Array, family: Family): TrackerPacket | undefined {
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.length)
  if (bytes.length < 8) return undefined
  const action = ACTIONS[bytes.readUInt32BE(0)]
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

/** Options that hold `target`, in pieces where it is long. The packet's end is the end of the options. */
function urlData(target: string): Buffer[] {
  const bytes = Buffer.from(target)
  const options: Buffer[] = []
  for (let at = 0; at < bytes.length; at += OPTION_DATA) {
    const data = bytes.subarray(at, at + OPTION_DATA)
    options.push(Buffer.from([URL_DATA, data.length]), data)
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
