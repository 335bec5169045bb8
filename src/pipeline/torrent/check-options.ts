import { Bitfield } from '../../codec/bitfield.ts'
import { addressBytes } from '../../codec/compact.ts'
import { describeValue } from '../../codec/quote.ts'
import { InputError } from '../../errors.ts'
import type { Magnet } from '../../metainfo/magnet.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { ContentOptions } from '../pieces/content-options.ts'
import { isMetainfo, isParsedMagnet } from '../sources/torrent-source.ts'
import type { TorrentOptions } from './torrent-options.ts'

/** A test of one value, and a description of the accepted values. */
type Check = readonly [accepts: (value: unknown) => boolean, expected: string]

const BOOLEAN: Check = [value => typeof value === 'boolean', 'true or false']
const FUNCTION: Check = [value => typeof value === 'function', 'a function']
const COUNT: Check = [value => Number.isSafeInteger(value) && (value as number) >= 1, 'an integer above 0']
const MILLISECONDS: Check = [value => typeof value === 'number' && value >= 0, 'milliseconds, at least 0']
const BYTES: Check = [value => typeof value === 'number' && value > 0, 'bytes above 0']
const KEY: Check = [
  value => Number.isInteger(value) && (value as number) >>> 0 === value,
  'an integer of 32 bits',
]
const PEER_ID: Check = [value => value instanceof Uint8Array && value.length === 20, '20 bytes']
const ENCRYPTION: Check = [
  value => value === 'prefer' || value === 'require' || value === 'off',
  '"prefer", "require" or "off"',
]
const RATE: Check = [
  value => (typeof value === 'number' ? value > 0 : hasMethods(value, 'take', 'cancel')),
  'bytes per second above 0, or a ByteLimit; leave it out for no limit',
]
const PEERS: Check = [
  value => Array.isArray(value) && value.every(isPeerAddress),
  'an array of { host, port }, with ports of 1 to 65535',
]
const STRINGS: Check = [
  value => Array.isArray(value) && value.every(text => typeof text === 'string'),
  'an array of strings',
]
const LOCAL_ADDRESS: Check = [
  // without the zone of a link-local address
  value => typeof value === 'string' && addressBytes(value.replace(/%.*$/, '')) !== undefined,
  'an IP address of this machine',
]

const CONTENT_CHECKS: Record<keyof ContentOptions, Check> = {
  storage: [value => hasMethods(value, 'read', 'write', 'complete', 'close'), 'a Storage'],
  select: FUNCTION,
  priority: FUNCTION,
  wanted: [value => value instanceof Bitfield, 'a Bitfield'],
  trusted: [value => value instanceof Bitfield, 'a Bitfield'],
  onDemand: BOOLEAN,
  deferSample: BOOLEAN,
  sequential: BOOLEAN,
  resume: [
    value => hasMethods(value, 'read', 'write'),
    'an object with read and write, as resumeAt returns it',
  ],
  reusable: [value => hasMethods(value, 'find', 'open'), 'a ReusableFiles'],
  sharedMemory: BOOLEAN,
}

const TORRENT_CHECKS: Record<keyof TorrentOptions, Check> = {
  ...CONTENT_CHECKS,
  peers: PEERS,
  trackers: BOOLEAN,
  dht: [value => hasMethods(value, 'add', 'lookup'), 'a Dht'],
  lsd: [value => hasMethods(value, 'add', 'remove', 'on', 'off'), 'a LocalDiscovery'],
  pex: BOOLEAN,
  webSeeds: BOOLEAN,
  webSeedUrls: STRINGS,
  allowLocal: BOOLEAN,
  listener: [value => hasMethods(value, 'add', 'remove'), 'a Listener'],
  share: BOOLEAN,
  superSeed: BOOLEAN,
  encryption: ENCRYPTION,
  up: RATE,
  down: RATE,
  maxPeers: COUNT,
  maxPeersPerAddress: COUNT,
  memory: BYTES,
  timeout: MILLISECONDS,
  clock: [value => hasMethods(value, 'now', 'setTimeout', 'clearTimeout'), 'a Clock'],
  loopLoad: [value => hasMethods(value, 'start', 'stop', 'read'), 'a LoopLoad'],
  random: FUNCTION,
  connect: FUNCTION,
  http: FUNCTION,
  bind: LOCAL_ADDRESS,
  peerId: PEER_ID,
  trackerKey: KEY,
  announcePacer: [value => hasMethods(value, 'takeTurn'), 'an AnnouncePacer'],
  connections: [value => hasMethods(value, 'add', 'close', 'delete', 'hasRoom', 'open'), 'a ConnectionLimit'],
  memoryBudget: [value => hasMethods(value, 'add', 'delete'), 'a MemoryBudget'],
  openFiles: [value => hasMethods(value, 'claim', 'free'), 'an OpenFileLimit'],
  hashPool: [value => hasMethods(value, 'hash', 'close'), 'a HashPool'],
  portableNames: BOOLEAN,
  platform: [
    value => typeof value === 'string' && value !== '',
    'the name of a platform, as process.platform',
  ],
}

/** Returns the options of a torrent. @throws InputError ERR_USAGE that names the first invalid argument */
export function checkTorrentOptions(source: Metainfo | Magnet, options: TorrentOptions): TorrentOptions {
  if (!isMetainfo(source) && !isParsedMagnet(source))
    throw unexpected('source', source, 'a Metainfo or a Magnet')
  checkAll(options, 'options', TORRENT_CHECKS)
  if (isMetainfo(source)) checkPieceCounts(options, source)
  return options
}

/** Checks the arguments of `Torrent.begin`. @throws InputError ERR_USAGE that names the first invalid argument */
export function checkContent(
  content: ContentOptions,
  metainfo: Metainfo,
  { infoHash }: { infoHash: Uint8Array },
): void {
  if (!isMetainfo(metainfo) || Buffer.compare(metainfo.infoHash, infoHash) !== 0)
    throw unexpected('metainfo', metainfo, 'the metainfo of this torrent')
  checkAll(content, 'content', CONTENT_CHECKS)
  if (!content.storage) throw unexpected('storage', content.storage, 'a Storage')
  checkPieceCounts(content, metainfo)
}

function checkAll(options: object, name: string, checks: Readonly<Record<string, Check>>): void {
  if (typeof options !== 'object' || options === null) throw unexpected(name, options, 'an object')
  for (const [key, [accepts, expected]] of Object.entries(checks)) {
    const value: unknown = options[key as keyof typeof options]
    if (value !== undefined && !accepts(value)) throw unexpected(key, value, expected)
  }
}

function checkPieceCounts({ wanted, trusted }: Partial<ContentOptions>, { pieceCount }: Metainfo): void {
  for (const [name, pieces] of Object.entries({ wanted, trusted })) {
    if (pieces && pieces.size !== pieceCount)
      throw new InputError('ERR_USAGE', `${name}: expected ${pieceCount} pieces, got ${pieces.size}`)
  }
}

function unexpected(name: string, value: unknown, expected: string): InputError {
  return new InputError('ERR_USAGE', `${name}: expected ${expected}, got ${describeValue(value)}`)
}

function hasMethods(value: unknown, ...names: string[]): boolean {
  if (typeof value !== 'object' || value === null) return false
  return names.every(name => typeof (value as Record<string, unknown>)[name] === 'function')
}

function isPeerAddress(value: unknown): boolean {
  const { host, port } = (value ?? {}) as { host?: unknown; port?: unknown }
  return (
    typeof host === 'string' &&
    host !== '' &&
    Number.isInteger(port) &&
    Number(port) > 0 &&
    Number(port) < 65536
  )
}
