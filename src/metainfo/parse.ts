/** A .torrent (BEP 3, v1) read and checked: what passes can be laid out, downloaded and written. */
import { createHash } from 'node:crypto'
import {
  asDict,
  asList,
  type BencodeDict,
  type BencodeValue,
  bytes,
  decode,
  endOf,
  spansOf,
} from '../codec/bencode.ts'
import { formatAddress, type PeerAddress, parseAddress } from '../codec/compact.ts'
import { digits } from '../codec/digits.ts'
import { quote } from '../codec/quote.ts'
import { InputError, messageOf } from '../errors.ts'
import { describe, Fields } from './fields.ts'
import { type Reading, readFiles, readSingle } from './files.ts'
import type { Metainfo } from './metainfo.ts'
import { isPortable, type NameOptions } from './name.ts'
import { safePath } from './paths.ts'
import { readHttpSeeds, readTrackers, readWebSeeds } from './trackers.ts'
import { type Warn, Warnings } from './warnings.ts'

/** Bytes of a .torrent: room for three million pieces. To be held against whatever one is read from. */
export const MAX_TORRENT_SIZE = 64 * 1024 * 1024

/** Bytes of a piece: libtorrent's bound as well. A piece is held in memory until its hash is known to be right. */
export const MAX_PIECE_LENGTH = 512 * 1024 * 1024

/** A file tree (BEP 52, in hybrids) may go as deep as a path; 500,000 files in directories take seven items each. */
const LIMITS = { maxDepth: 256, maxItems: 4_000_000 }

/**
 * The torrent that `torrent` spells. Hybrids (BEP 52) are read as v1. Names of files are as the system takes them.
 * Throws ERR_BENCODE, ERR_METAINFO or ERR_PATH, on one line that names the key and what it holds.
 */
export function parse(torrent: Uint8Array, options: NameOptions = {}): Metainfo {
  checkKind(torrent)
  const warnings = new Warnings()
  const spans = topSpans(torrent)
  const top: Fields = new Fields(decodeTop(spans), '', warnings.warn)
  const raw = spans.get('info')
  const info = asDict(top.get('info'))
  if (!info || !raw) top.fail('info', 'a dictionary')
  const infoHash = createHash('sha1').update(raw).digest()
  const content = readInfo(new Fields(info, 'info', warnings.warn), infoHash, {
    warn: warnings.warn,
    portable: isPortable(options),
  })
  // Memory of its own: the caller may use `torrent` again.
  const around = { infoHash, info: Buffer.from(raw), ...readAround(top, warnings.warn) }
  return { ...content, ...around, warnings: warnings.list() }
}

/** What is read around `info`. */
const AROUND = [
  'announce',
  'announce-list',
  'comment',
  'created by',
  'creation date',
  'httpseeds',
  'nodes',
  'url-list',
]

/** As other clients do: the first of a repeated key counts, and what follows the dictionary is ignored. */
const LENIENT = { ...LIMITS, allowTrailing: true, repeatedKeys: 'first' } as const

/** The raw bytes of each value of the top-level dictionary that is read. */
function topSpans(torrent: Uint8Array): Map<string, Uint8Array> {
  return spansOf<string>(torrent, ['info', ...AROUND], { ...LENIENT, strict: 'info' })
}

/** `info` is decoded from the very bytes that are hashed: no other reading of it can get in between. */
function decodeTop(spans: ReadonlyMap<string, Uint8Array>): BencodeDict {
  const values = [...spans].map(([key, span]) => [key, decode(span, key === 'info' ? LIMITS : LENIENT)])
  return Object.fromEntries(values)
}

/** As `parse`, for an `info` dictionary by itself, as peers send it (BEP 9): no trackers, no web seeds. */
export function parseInfo(info: Uint8Array, options: NameOptions = {}): Metainfo {
  const end = endOf(info, LIMITS)
  if (end < info.length) {
    throw new InputError(
      'ERR_BENCODE',
      `invalid bencoding: ${info.length - end} bytes after info at byte ${end}`,
    )
  }
  return parse(Buffer.concat([Buffer.from('d4:info'), info, Buffer.from('e')]), options)
}

function checkKind(torrent: Uint8Array): void {
  const fail = (what: string) => {
    throw new InputError('ERR_METAINFO', `not a torrent: ${what}`)
  }
  if (torrent.length === 0) fail('it is empty')
  if (torrent.length > MAX_TORRENT_SIZE + 'd4:infoe'.length) {
    fail(`${torrent.length} bytes, at most ${MAX_TORRENT_SIZE} are read`)
  }
  if (torrent[0] !== 'd'.charCodeAt(0)) {
    fail(
      `expected a bencoded dictionary, got ${quote(Buffer.from(torrent.subarray(0, 4)).toString('latin1'))}`,
    )
  }
}

type Content =
  | 'name'
  | 'spelledName'
  | 'length'
  | 'pieceLength'
  | 'pieceCount'
  | 'hashes'
  | 'files'
  | 'multiFile'
  | 'private'

function readInfo(info: Fields, infoHash: Buffer, reading: Reading): Pick<Metainfo, Content> {
  if (info.get('pieces') === undefined && info.get('meta version') === 2) {
    throw new InputError(
      'ERR_METAINFO',
      'info.meta version: 2 without pieces: v2-only torrent; not supported yet',
    )
  }
  const pieceLength = info.needInteger('piece length', 'a positive integer', 1, Number.MAX_SAFE_INTEGER)
  if (pieceLength > MAX_PIECE_LENGTH) info.fail('piece length', `at most ${MAX_PIECE_LENGTH}`)
  const { name, ...spelledName } = readName(info, infoHash, reading)
  const multiFile = info.get('files') !== undefined
  if (multiFile && info.get('length') !== undefined)
    reading.warn('info: both files and length, read as files')
  const files = multiFile ? readFiles(info, name, reading) : readSingle(info, name, 'info.name', reading)
  const last = files.at(-1)!
  const length = last.offset + last.length
  if (length > Number.MAX_SAFE_INTEGER) info.fail('files', 'less than 2^53 bytes in all')
  const hashes = info.needBytes('pieces')
  const pieceCount = Math.ceil(length / pieceLength)
  if (hashes.length !== pieceCount * 20) {
    const expected = `${pieceCount} hashes of 20 bytes for ${length} bytes in pieces of ${pieceLength}`
    throw new InputError('ERR_METAINFO', `info.pieces: expected ${expected}, got ${hashes.length} bytes`)
  }
  const isPrivate = (info.integer('private') ?? 0) !== 0
  return {
    name,
    ...spelledName,
    length,
    pieceLength,
    pieceCount,
    hashes,
    files,
    multiFile,
    private: isPrivate,
  }
}

function readName(
  info: Fields,
  infoHash: Buffer,
  { warn, portable }: Reading,
): Pick<Metainfo, 'name' | 'spelledName'> {
  const key = bytes(info.get('name.utf-8'))?.length ? 'name.utf-8' : 'name'
  const spelledName = info.needBytes(key)
  if (spelledName.length > 0) {
    const name = safePath({ where: info.name(key), names: [spelledName] }, warn, portable)
    return Buffer.from(name).equals(spelledName) ? { name } : { name, spelledName }
  }
  warn(`${info.name(key)}: empty, the info-hash stands in for it`)
  return { name: infoHash.toString('hex') }
}

type Around = 'trackers' | 'webSeeds' | 'httpSeeds' | 'nodes' | 'comment' | 'createdBy' | 'creationDate'

/** What is around `info`: none of it changes what the torrent is, so none of it is worth refusing it for. */
function readAround(top: Fields, warn: Warn): Pick<Metainfo, Around> {
  const comment = top.text('comment')
  const createdBy = top.text('created by')
  const creationDate = top.integer('creation date')
  const httpSeeds = readHttpSeeds(top.get('httpseeds'), warn)
  const nodes = readNodes(top.get('nodes'), warn)
  // What a Date can hold, in seconds.
  const dated = creationDate !== undefined && creationDate >= 0 && creationDate <= 8.64e12
  if (creationDate !== undefined && !dated) warn(`creation date: ${creationDate} is no date, ignored`)
  return {
    trackers: readTrackers(top.get('announce'), top.get('announce-list'), warn),
    webSeeds: readWebSeeds(top.get('url-list'), warn),
    ...(httpSeeds.length > 0 ? { httpSeeds } : {}),
    ...(nodes.length > 0 ? { nodes } : {}),
    ...(comment === undefined ? {} : { comment }),
    ...(createdBy === undefined ? {} : { createdBy }),
    ...(dated ? { creationDate } : {}),
  }
}

/** DHT nodes to begin with (BEP 5): pairs of host and port. */
function readNodes(value: BencodeValue | undefined, warn: Warn): PeerAddress[] {
  if (value === undefined) return []
  const list = asList(value)
  if (!list) warn(`nodes: expected a list, got ${describe(value)}, ignored`)
  const nodes: PeerAddress[] = []
  for (const item of list?.slice(0, 1000) ?? []) {
    const [host, port] = asList(item) ?? []
    const address = { host: bytes(host)?.toString('utf8') ?? '', port: digits(port) ?? 0 }
    try {
      nodes.push(parseAddress(formatAddress(address)))
    } catch (error) {
      warn(`nodes: ${messageOf(error)}, ignored`)
    }
  }
  return nodes
}
