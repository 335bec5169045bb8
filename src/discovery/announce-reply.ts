import { asDict, asList, type BencodeDict, bytes, integer } from '../codec/bencode.ts'
import { decodePeers4, decodePeers6, hostOf, type PeerAddress, parseAddress } from '../codec/compact.ts'
import { digits } from '../codec/digits.ts'
import { count, message, readDict } from './reply-dict.ts'

/** Most peers of one reply that are used. */
const MAX_PEERS = 2_000
/** Longest tracker id that is given back, in bytes. */
const MAX_TRACKER_ID = 256
/** Seconds between announces: what is taken where the tracker says nothing, and the bounds of what it may say. */
const INTERVAL = { default: 1_800, least: 60, most: 6 * 3_600 }
/** Seconds that even an impatient user waits. */
const MIN_INTERVAL = { default: 60, least: 10, most: 6 * 3_600 }
/** Seconds to wait after a refusal that says so. */
const RETRY = { least: 60, most: 24 * 3_600 }

/** What a tracker answered, every number within bounds and every text fit to be shown. */
export interface AnnounceReply {
  /** Seconds until the next announce; never less than `minInterval`. */
  readonly interval: number
  /** Seconds before which not even a user may ask again. */
  readonly minInterval: number
  /** Ports are 1 to 65535, hosts addresses or plausible names. */
  readonly peers: readonly PeerAddress[]
  readonly trackerId?: Uint8Array
  readonly warning?: string
  /** Set when the announce was refused; then there are no peers. */
  readonly failureReason?: string
  /** Seconds to wait after a refusal, if the tracker said (`interval`, or BEP 31); a day where it says `never`. */
  readonly retryIn?: number
  readonly seeders?: number
  readonly leechers?: number
  /** Our own address as the tracker sees it (BEP 24). */
  readonly externalIp?: string
}

/** Reads the body of an HTTP tracker's reply (BEP 3, 7, 23, 24, 31). Throws InputError ERR_BENCODE. */
export function parseAnnounceReply(body: Uint8Array): AnnounceReply {
  const dict = readDict(body)
  const has = (key: string) => Object.hasOwn(dict, key)
  if (has('failure reason')) {
    const retryIn = readRetry(dict)
    return {
      interval: INTERVAL.default,
      minInterval: MIN_INTERVAL.default,
      peers: [],
      failureReason: message(dict, 'failure reason') || 'no reason given',
      ...(retryIn !== undefined && { retryIn }),
    }
  }
  const minInterval = bounded(integer(dict['min interval']), MIN_INTERVAL)
  const trackerId = bytes(dict['tracker id'])
  const warning = message(dict, 'warning message')
  const seeders = count(dict, 'complete')
  const leechers = count(dict, 'incomplete')
  const external = bytes(dict['external ip'])
  return {
    interval: Math.max(minInterval, bounded(integer(dict.interval), INTERVAL)),
    minInterval,
    peers: readPeers(dict),
    ...(trackerId && trackerId.length > 0 && trackerId.length <= MAX_TRACKER_ID && { trackerId }),
    ...(warning && { warning }),
    ...(seeders !== undefined && { seeders }),
    ...(leechers !== undefined && { leechers }),
    ...((external?.length === 4 || external?.length === 16) && { externalIp: hostOf(external) }),
  }
}

/** What a UDP tracker answered (BEP 15), within the same bounds. It is not to be asked before the interval is over. */
export function udpAnnounceReply(packet: {
  readonly interval: number
  readonly leechers: number
  readonly seeders: number
  readonly peers: readonly PeerAddress[]
}): AnnounceReply {
  const interval = bounded(packet.interval, INTERVAL)
  const { leechers, seeders } = packet
  return { interval, minInterval: interval, seeders, leechers, peers: somewhere(packet.peers) }
}

function readPeers(dict: BencodeDict): PeerAddress[] {
  const { peers, peers6 } = dict
  const found: PeerAddress[] = []
  for (const entry of asList(peers) ?? []) {
    if (found.length === MAX_PEERS) break
    const peer = readPeer(asDict(entry))
    if (peer) found.push(peer)
  }
  // Cut before decoding: two million bytes would make a third of a million objects.
  const four = decodePeers4(bytes(peers)?.subarray(0, MAX_PEERS * 6) ?? Buffer.alloc(0))
  const six = decodePeers6(bytes(peers6)?.subarray(0, MAX_PEERS * 18) ?? Buffer.alloc(0))
  return somewhere([...found, ...four, ...six])
}

/** Those that have an address, as many as are used. */
function somewhere(peers: readonly PeerAddress[]): PeerAddress[] {
  return peers.filter(({ host }) => host !== '0.0.0.0' && host !== '::').slice(0, MAX_PEERS)
}

/** One entry of a list of peers (BEP 3), or undefined if nobody could connect to it. */
function readPeer(entry: BencodeDict | undefined): PeerAddress | undefined {
  const host = bytes(entry?.ip)?.subarray(0, 256).toString('utf8')
  const port = digits(entry?.port) // some trackers spell it as a string
  if (!host || port === undefined) return undefined
  try {
    return parseAddress(host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`)
  } catch {
    return undefined
  }
}

/** Seconds within bounds; nonsense is as good as nothing said. */
function bounded(seconds: number | undefined, by: { default: number; least: number; most: number }): number {
  if (seconds === undefined || seconds <= 0) return by.default
  return Math.min(by.most, Math.max(by.least, seconds))
}

function readRetry(dict: BencodeDict): number | undefined {
  const given = dict['retry in']
  const words = bytes(given)?.toString('latin1')
  if (words === 'never') return RETRY.most
  const minutes = integer(given) ?? (words && /^\d{1,6}$/.test(words) ? Number(words) : undefined)
  const seconds = minutes === undefined ? integer(dict.interval) : minutes * 60
  return seconds === undefined || seconds <= 0
    ? undefined
    : bounded(seconds, { ...RETRY, default: RETRY.least })
}
