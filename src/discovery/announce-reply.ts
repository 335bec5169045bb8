import { asBytes, asDict, asInteger, asList, type BencodeDict } from '../codec/bencode.ts'
import { decodePeers4, decodePeers6, hostOf, type PeerAddress, parseAddress } from '../codec/compact.ts'
import { digits } from '../codec/digits.ts'
import { countAt, readDict, textAt } from './reply-dict.ts'

/** Maximum number of peers of one reply that are used. */
const MAX_PEERS = 2_000
/** Maximum length of a tracker id that is sent back, in bytes. */
const MAX_TRACKER_ID = 256
/** Seconds between announces: the default, and the bounds of the value in a reply. */
const INTERVAL_S = { default: 1_800, min: 60, max: 6 * 3_600 }
/** Minimum seconds between announces that ask for more peers. */
const MIN_INTERVAL_S = { default: 60, min: 10, max: 6 * 3_600 }
/** Seconds to wait after a refusal that names a time. */
const RETRY_S = { min: 60, max: 24 * 3_600 }

/** The answer of a tracker. All numbers are within bounds, and all texts are printable. */
export interface AnnounceReply {
  /** Seconds until the next announce; never less than `minInterval`. */
  readonly interval: number
  /** Minimum seconds until another announce. */
  readonly minInterval: number
  /** Ports are 1 to 65535, hosts addresses or plausible names. */
  readonly peers: readonly PeerAddress[]
  readonly trackerId?: Uint8Array
  readonly warning?: string
  /** Set if the announce was refused; then there are no peers. */
  readonly failureReason?: string
  /** Seconds to wait after a refusal, if the tracker named them (`interval`, or BEP 31); a day for `never`. */
  readonly retryIn?: number
  readonly seeders?: number
  readonly leechers?: number
  /** Our own address as the tracker sees it (BEP 24). */
  readonly externalIp?: string
}

/** Parses the body of an HTTP tracker's reply (BEP 3, 7, 23, 24, 31). Throws InputError ERR_BENCODE. */
export function parseAnnounceReply(body: Uint8Array): AnnounceReply {
  const dict = readDict(body)
  const has = (key: string) => Object.hasOwn(dict, key)
  if (has('failure reason')) {
    const retryIn = readRetry(dict)
    return {
      interval: INTERVAL_S.default,
      minInterval: MIN_INTERVAL_S.default,
      peers: [],
      failureReason: textAt(dict, 'failure reason') || 'no reason given',
      ...(retryIn !== undefined && { retryIn }),
    }
  }
  const minInterval = bounded(asInteger(dict['min interval']), MIN_INTERVAL_S)
  const trackerId = asBytes(dict['tracker id'])
  const warning = textAt(dict, 'warning message')
  const seeders = countAt(dict, 'complete')
  const leechers = countAt(dict, 'incomplete')
  const external = asBytes(dict['external ip'])
  return {
    interval: Math.max(minInterval, bounded(asInteger(dict.interval), INTERVAL_S)),
    minInterval,
    peers: readPeers(dict),
    ...(trackerId && trackerId.length > 0 && trackerId.length <= MAX_TRACKER_ID && { trackerId }),
    ...(warning && { warning }),
    ...(seeders !== undefined && { seeders }),
    ...(leechers !== undefined && { leechers }),
    ...((external?.length === 4 || external?.length === 16) && { externalIp: hostOf(external) }),
  }
}

/** Converts the reply of a UDP tracker (BEP 15). Its minimum interval is its interval. */
export function udpAnnounceReply(packet: {
  readonly interval: number
  readonly leechers: number
  readonly seeders: number
  readonly peers: readonly PeerAddress[]
}): AnnounceReply {
  const interval = bounded(packet.interval, INTERVAL_S)
  const { leechers, seeders } = packet
  return { interval, minInterval: interval, seeders, leechers, peers: limitPeers(packet.peers) }
}

function readPeers(dict: BencodeDict): PeerAddress[] {
  const { peers, peers6 } = dict
  const found: PeerAddress[] = []
  for (const entry of asList(peers) ?? []) {
    if (found.length === MAX_PEERS) break
    const peer = readPeer(asDict(entry))
    if (peer) found.push(peer)
  }
  // Cut before decoding, because 2 MB would become 350,000 objects.
  const four = decodePeers4(asBytes(peers)?.subarray(0, MAX_PEERS * 6) ?? Buffer.alloc(0))
  const six = decodePeers6(asBytes(peers6)?.subarray(0, MAX_PEERS * 18) ?? Buffer.alloc(0))
  return limitPeers([...found, ...four, ...six])
}

/** Removes peers without an address, and those beyond the maximum. */
function limitPeers(peers: readonly PeerAddress[]): PeerAddress[] {
  return peers.filter(({ host }) => host !== '0.0.0.0' && host !== '::').slice(0, MAX_PEERS)
}

/** Parses an entry of a list of peers (BEP 3). Returns undefined if it is not a valid address. */
function readPeer(entry: BencodeDict | undefined): PeerAddress | undefined {
  const host = asBytes(entry?.ip)?.subarray(0, 256).toString('utf8')
  const port = digits(entry?.port) // some trackers send it as a string
  if (!host || port === undefined) return undefined
  try {
    return parseAddress(host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`)
  } catch {
    return undefined
  }
}

/** Limits seconds to bounds. A missing or invalid value becomes the default. */
function bounded(seconds: number | undefined, bounds: { default: number; min: number; max: number }): number {
  if (seconds === undefined || seconds <= 0) return bounds.default
  return Math.min(bounds.max, Math.max(bounds.min, seconds))
}

function readRetry(dict: BencodeDict): number | undefined {
  const given = dict['retry in']
  const text = asBytes(given)?.toString('latin1')
  if (text === 'never') return RETRY_S.max
  const minutes = asInteger(given) ?? (text && /^\d{1,6}$/.test(text) ? Number(text) : undefined)
  const seconds = minutes === undefined ? asInteger(dict.interval) : minutes * 60
  return seconds === undefined || seconds <= 0
    ? undefined
    : bounded(seconds, { ...RETRY_S, default: RETRY_S.min })
}
