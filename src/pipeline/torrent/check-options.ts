import { zonelessBytes } from '../../codec/address-bytes.ts'
import { Bitfield } from '../../codec/bitfield.ts'
import { checkBind } from '../../codec/check-arguments.ts'
import { describeValue } from '../../codec/quote.ts'
import { InputError } from '../../errors.ts'
import type { Magnet } from '../../metainfo/magnet.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { ContentOptions } from '../pieces/content-options.ts'
import { isMetainfo, isParsedMagnet } from '../sources/torrent-source.ts'
import type { TorrentOptions } from './torrent-options.ts'

/** A test of one value, and a description of the accepted values. */
type Check = readonly [accepts: (value: unknown) => boolean, expected: string]

const BOOLEAN_CHECK: Check = [value => typeof value === 'boolean', 'true or false']
const FUNCTION_CHECK: Check = [value => typeof value === 'function', 'a function']
const COUNT_CHECK: Check = [
  value => Number.isSafeInteger(value) && (value as number) >= 1,
  'an integer above 0',
]
const MILLISECONDS_CHECK: Check = [
  value => typeof value === 'number' && value >= 0,
  'milliseconds, at least 0',
]
const BYTES_CHECK: Check = [value => typeof value === 'number' && value > 0, 'bytes above 0']
const KEY_CHECK: Check = [
  value => Number.isInteger(value) && (value as number) >>> 0 === value,
  'an integer of 32 bits',
]
const PEER_ID_CHECK: Check = [value => value instanceof Uint8Array && value.length === 20, '20 bytes']
const ENCRYPTION_CHECK: Check = [
  value => value === 'prefer' || value === 'require' || value === 'off',
  '"prefer", "require" or "off"',
]
const RATE_CHECK: Check = [
  value => (typeof value === 'number' ? value > 0 : hasMethods(value, 'take', 'cancel')),
  'bytes per second above 0, or a ByteLimit; leave it out for no limit',
]
const FAMILY_CHECK: Check = [value => value === 4 || value === 6, '4 or 6']
const PEERS_CHECK: Check = [
  value => Array.isArray(value) && value.every(isPeerAddress),
  'an array of { host, port }, with ports of 1 to 65535',
]
const STRINGS_CHECK: Check = [
  value => Array.isArray(value) && value.every(text => typeof text === 'string'),
  'an array of strings',
]
const LOCAL_ADDRESS_CHECK: Check = [
  value => typeof value === 'string' && zonelessBytes(value) !== undefined,
  'an IP address of this machine',
]

const CONTENT_CHECKS: Record<keyof ContentOptions, Check> = {
  storage: [value => hasMethods(value, 'read', 'write', 'complete', 'close'), 'a Storage'],
  select: FUNCTION_CHECK,
  priority: FUNCTION_CHECK,
  wanted: [value => value instanceof Bitfield, 'a Bitfield'],
  trusted: [value => value instanceof Bitfield, 'a Bitfield'],
  onDemand: BOOLEAN_CHECK,
  deferSample: BOOLEAN_CHECK,
  sequential: BOOLEAN_CHECK,
  resume: [
    value => hasMethods(value, 'read', 'write'),
    'an object with read and write, as resumeAt returns it',
  ],
  reusable: [value => hasMethods(value, 'find', 'open'), 'a ReusableFiles'],
  sharedMemory: BOOLEAN_CHECK,
}

const TORRENT_CHECKS: Record<keyof TorrentOptions, Check> = {
  ...CONTENT_CHECKS,
  peers: PEERS_CHECK,
  trackers: BOOLEAN_CHECK,
  dht: [value => hasMethods(value, 'add', 'lookup'), 'a Dht'],
  lsd: [value => hasMethods(value, 'add', 'remove', 'on', 'off'), 'a LocalDiscovery'],
  pex: BOOLEAN_CHECK,
  webSeeds: BOOLEAN_CHECK,
  webSeedUrls: STRINGS_CHECK,
  allowLocal: BOOLEAN_CHECK,
  listener: [value => hasMethods(value, 'add', 'remove'), 'a Listener'],
  share: BOOLEAN_CHECK,
  superSeed: BOOLEAN_CHECK,
  encryption: ENCRYPTION_CHECK,
  up: RATE_CHECK,
  down: RATE_CHECK,
  maxPeers: COUNT_CHECK,
  maxPeersPerAddress: COUNT_CHECK,
  memory: BYTES_CHECK,
  timeout: MILLISECONDS_CHECK,
  clock: [value => hasMethods(value, 'now', 'setTimeout', 'clearTimeout'), 'a Clock'],
  loopLoad: [value => hasMethods(value, 'start', 'stop', 'read'), 'a LoopLoad'],
  random: FUNCTION_CHECK,
  connect: FUNCTION_CHECK,
  http: FUNCTION_CHECK,
  bind: LOCAL_ADDRESS_CHECK,
  family: FAMILY_CHECK,
  peerId: PEER_ID_CHECK,
  trackerKey: KEY_CHECK,
  announcePacer: [value => hasMethods(value, 'takeTurn'), 'an AnnouncePacer'],
  blocklist: [value => typeof value === 'object' && value !== null && 'ranges' in value, 'a Blocklist'],
  connections: [value => hasMethods(value, 'add', 'close', 'delete', 'hasRoom', 'open'), 'a ConnectionLimit'],
  memoryBudget: [value => hasMethods(value, 'add', 'delete'), 'a MemoryBudget'],
  uploadMemory: [value => typeof value === 'object' && value !== null && 'runs' in value, 'an UploadMemory'],
  openFiles: [value => hasMethods(value, 'claim', 'free'), 'an OpenFileLimit'],
  hashPool: [value => hasMethods(value, 'hash', 'close'), 'a HashPool'],
  portableNames: BOOLEAN_CHECK,
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
  checkBind(options.bind, options.family)
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
  for (const key in checks) {
    const value: unknown = options[key as keyof typeof options]
    if (value === undefined) continue
    const [accepts, expected] = checks[key]!
    if (!accepts(value)) throw unexpected(key, value, expected)
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
