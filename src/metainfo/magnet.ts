/** Magnet links (BEP 9, BEP 53) and info-hashes. */
import { checkArgument } from '../codec/check-arguments.ts'
import { type PeerAddress, parseAddress } from '../codec/compact.ts'
import { quote } from '../codec/quote.ts'
import { InputError, messageOf } from '../errors.ts'
import type { Metainfo } from './metainfo.ts'
import type { NameOptions } from './name.ts'
import { openInfo } from './parse.ts'
import { trackerFault, usableUrls, webSeedFault } from './trackers.ts'
import { type Warn, Warnings } from './warnings.ts'

/** A parsed magnet link. It has at least one of `infoHash` and `infoHashV2`. */
export interface Magnet {
  /** The v1 info-hash, 20 bytes. */
  readonly infoHash?: Buffer
  /** The v2 info-hash (BEP 52), 32 bytes. */
  readonly infoHashV2?: Buffer
  /** `dn`: the display name until the metadata is known. It is untrusted and must not be used as a path. */
  readonly name?: string
  /** `tr`: trackers, each in its own tier. */
  readonly trackers: readonly (readonly string[])[]
  /** `ws`: web seeds (BEP 19). */
  readonly webSeeds: readonly string[]
  /** `x.pe`: addresses of peers. */
  readonly peers: readonly PeerAddress[]
  /** `xs` and `as`: HTTP(S) URLs of the .torrent. */
  readonly sources: readonly string[]
  /** `so` (BEP 53): indices of the selected files, in ascending order. */
  readonly selectOnly?: readonly number[]
  /** One sentence for each invalid value that was ignored. */
  readonly warnings: readonly string[]
}

/** Maximum length of a link in characters, enough for a thousand trackers. */
const MAX_LINK = 262_144
/** Maximum number of peer addresses in a link. */
const MAX_PEERS = 1_000
/** Maximum number of URLs of the .torrent. Each of them may be requested. */
const MAX_SOURCES = 8
/** The greatest file index: torrents have at most 500,000 files. */
const MAX_INDEX = 499_999
/** Maximum length of a name in characters. */
const MAX_NAME = 255

/**
 * Returns true if a source is a magnet link or an info-hash (40 or 64 hex digits, or 32 of base32), not a file or a URL.
 * White space around it is ignored.
 */
export function isMagnet(source: string): boolean {
  return /^\s*(?:magnet:|(?:[0-9a-f]{40}|[0-9a-f]{64}|[a-z2-7]{32})\s*$)/i.test(source)
}

/**
 * Parses a magnet link or an info-hash. Invalid values that are not essential are ignored with a warning.
 * @throws InputError ERR_USAGE, naming the invalid value
 */
export function parseMagnet(given: string): Magnet {
  checkArgument('magnet', given, 'text')
  const source = given.trim()
  if (!isMagnet(source)) fail(`expected a magnet link or an info-hash, got ${quote(source)}`)
  const alone = { trackers: [], webSeeds: [], peers: [], sources: [], warnings: [] }
  if (/^(?:[0-9a-f]{40}|[a-z2-7]{32})$/i.test(source)) return { infoHash: v1(source), ...alone }
  if (/^[0-9a-f]{64}$/i.test(source)) return { infoHashV2: Buffer.from(source, 'hex'), ...alone }
  if (source.length > MAX_LINK) fail(`a magnet link of ${source.length} characters, the limit is ${MAX_LINK}`)
  const warnings = new Warnings()
  const { warn } = warnings
  const all = parameters(source)
  const of = (name: string) => all.get(name) ?? []
  const name = of('dn').find(given => given !== '')
  const sources = [...of('xs'), ...of('as')].filter(given => /^https?:/i.test(given))
  const selectOnly = of('so').length > 0 ? indices(of('so').join(',')) : undefined
  return {
    ...hashes(of('xt')),
    ...(name === undefined ? {} : { name: name.slice(0, MAX_NAME) }),
    trackers: usableUrls(of('tr'), 'tr', trackerFault, warn).map(url => [url]),
    webSeeds: usableUrls(of('ws'), 'ws', webSeedFault, warn),
    peers: peersOf(of('x.pe'), warn),
    sources: usableUrls(sources, 'xs', webSeedFault, warn).slice(0, MAX_SOURCES),
    ...(selectOnly === undefined ? {} : { selectOnly }),
    warnings: warnings.list(),
  }
}

/**
 * Returns the indices of the files that a link selects (BEP 53), or `undefined` if it selects none. In a v2 or hybrid torrent a
 * link counts the files of the tree, which has no padding.
 * @throws InputError ERR_USAGE if the torrent has none of them
 */
export function selectedByLink(magnet: Magnet, metainfo: Metainfo): number[] | undefined {
  checkArgument('magnet', magnet, 'object')
  checkArgument('metainfo', metainfo, 'object')
  const { selectOnly } = magnet
  const { files, format } = metainfo
  const selected = selectOnly && indexed({ files, format }, selectOnly)
  if (selected?.length === 0) fail(`so: the link selects none of the ${files.length} files of the torrent`)
  return selected
}

function indexed({ files, format }: Pick<Metainfo, 'files' | 'format'>, wanted: readonly number[]): number[] {
  const places = [...files.keys()].filter(index => format === 'v1' || !files[index]!.pad)
  return wanted.flatMap(index => places[index] ?? []).filter(index => !files[index]!.pad)
}

/** Creates the torrent of a link from the metadata that peers sent. Rejects as `openMetainfo` does. */
export async function metainfoOf(
  info: Uint8Array,
  magnet: Magnet,
  options: NameOptions = {},
): Promise<Metainfo> {
  return joined(await openInfo(info, options), magnet)
}

/** Adds the trackers and web seeds of a link to its torrent, before those of the torrent. */
export function joined(metainfo: Metainfo, magnet: Magnet): Metainfo {
  checkArgument('metainfo', metainfo, 'object')
  checkArgument('magnet', magnet, 'object')
  const known = new Set(magnet.trackers.flat())
  const more = metainfo.trackers.map(tier => tier.filter(url => !known.has(url)))
  return {
    ...metainfo,
    trackers: [...magnet.trackers, ...more.filter(tier => tier.length > 0)],
    webSeeds: [...new Set([...magnet.webSeeds, ...metainfo.webSeeds])],
    warnings: [...magnet.warnings, ...metainfo.warnings],
  }
}

function fail(what: string): never {
  throw new InputError('ERR_USAGE', what)
}

/** Returns the values of each parameter. Numbered parameters (`tr.1`) are merged with unnumbered ones. */
function parameters(link: string): Map<string, string[]> {
  const at = link.indexOf('?')
  const all = new Map<string, string[]>()
  if (at < 0) return all
  for (const [key, value] of new URLSearchParams(link.slice(at + 1))) {
    // `amp;` remains if the link was copied from the source of a web page
    const name = key
      .toLowerCase()
      .replace(/^amp;/, '')
      .replace(/\.\d+$/, '')
    const values = all.get(name)
    if (values) values.push(value.trim())
    else all.set(name, [value.trim()])
  }
  return all
}

function hashes(topics: readonly string[]): Pick<Magnet, 'infoHash' | 'infoHashV2'> {
  let infoHash: Buffer | undefined
  let infoHashV2: Buffer | undefined
  for (const topic of topics) {
    const [, kind, value = ''] = /^urn:(btih|btmh):(.*)$/is.exec(topic) ?? []
    if (kind?.toLowerCase() === 'btih') infoHash = same('btih', infoHash, v1(value), topic)
    else if (kind) infoHashV2 = same('btmh', infoHashV2, v2(value), topic)
  }
  if (!infoHash && !infoHashV2) {
    const got = topics.length === 0 ? 'no xt' : `xt=${quote(topics[0]!)}`
    fail(`a magnet link without an info-hash: expected xt=urn:btih:..., got ${got}`)
  }
  return { ...(infoHash ? { infoHash } : {}), ...(infoHashV2 ? { infoHashV2 } : {}) }
}

function same(kind: string, before: Buffer | undefined, now: Buffer, topic: string): Buffer {
  if (before && !before.equals(now))
    fail(`a magnet link for two torrents: it has a second urn:${kind}, ${quote(topic)}`)
  return now
}

function v1(value: string): Buffer {
  if (/^[0-9a-f]{40}$/i.test(value)) return Buffer.from(value, 'hex')
  if (/^[a-z2-7]{32}$/i.test(value)) return base32(value.toUpperCase())
  return fail(`xt=urn:btih: expected 40 hex digits or 32 of base32, got ${quote(value)}`)
}

/** Parses a multihash: the id of SHA-256, the length, and the hash. */
function v2(value: string): Buffer {
  if (/^1220[0-9a-f]{64}$/i.test(value)) return Buffer.from(value.slice(4), 'hex')
  return fail(`xt=urn:btmh: expected 1220 and 64 hex digits, got ${quote(value)}`)
}

function base32(text: string): Buffer {
  const bytes: number[] = []
  let bits = 0
  let held = 0
  for (const digit of text) {
    held = (held << 5) | 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(digit)
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((held >> bits) & 255)
    held &= (1 << bits) - 1
  }
  return Buffer.from(bytes)
}

function peersOf(given: readonly string[], warn: Warn): PeerAddress[] {
  const peers: PeerAddress[] = []
  for (const value of given.slice(0, MAX_PEERS)) {
    try {
      peers.push(parseAddress(value))
    } catch (error) {
      warn(`x.pe: ${messageOf(error)}, ignored`)
    }
  }
  if (given.length > MAX_PEERS) warn(`x.pe: ${given.length} entries, all past ${MAX_PEERS} are ignored`)
  return peers
}

/** Parses `0,2,4,6-8` (BEP 53) to distinct ascending indices. Ranges are merged before they are expanded. */
function indices(given: string): number[] {
  const ranges = given.split(',').map(part => {
    const [, first, last = first] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part.trim()) ?? []
    if (first === undefined) fail(`so: expected file indices like 0,2,6-8, got ${quote(part)}`)
    const range = { first: Number(first), last: Number(last) }
    if (range.first > range.last) fail(`so: the range ${quote(part)} ends before it begins`)
    if (range.last > MAX_INDEX) fail(`so: invalid file index ${range.last}, the greatest is ${MAX_INDEX}`)
    return range
  })
  ranges.sort((a, b) => a.first - b.first)
  const all: number[] = []
  let next = 0
  for (const { first, last } of ranges) {
    for (let index = Math.max(first, next); index <= last; index++) all.push(index)
    next = Math.max(next, last + 1)
  }
  return all
}
