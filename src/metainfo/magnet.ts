/** Magnet links (BEP 9, BEP 53) and bare info-hashes: what of a torrent they say. */
import { type PeerAddress, parseAddress } from '../codec/compact.ts'
import { quote } from '../codec/quote.ts'
import { InputError, messageOf } from '../errors.ts'
import type { Metainfo } from './metainfo.ts'
import type { NameOptions } from './name.ts'
import { openInfo } from './parse.ts'
import { trackerFault, usableUrls, webSeedFault } from './trackers.ts'
import { type Warn, Warnings } from './warnings.ts'

/** What a link says. */
export interface Magnet {
  /** Of v1: 20 bytes. At least one of the two is there. */
  readonly infoHash?: Buffer
  /** Of v2 (BEP 52): 32 bytes. */
  readonly infoHashV2?: Buffer
  /** `dn`: what to call it until its metadata says; of strangers, never a path. */
  readonly name?: string
  /** `tr`: each is a tier of its own. */
  readonly trackers: readonly (readonly string[])[]
  /** `ws` (BEP 19). */
  readonly webSeeds: readonly string[]
  /** `x.pe`: peers that may have it. */
  readonly peers: readonly PeerAddress[]
  /** `xs` and `as`: http(s) URLs where its .torrent may be. */
  readonly sources: readonly string[]
  /** `so` (BEP 53): indices of the files that are wanted, rising. */
  readonly selectOnly?: readonly number[]
  /** What was odd and was left out, a sentence each. */
  readonly warnings: readonly string[]
}

/** Characters of a link: room for a thousand trackers. */
const MAX_LINK = 262_144
/** Addresses in one link. */
const MAX_PEERS = 1_000
/** Places where its .torrent may be, each of which would be asked. */
const MAX_SOURCES = 8
/** No torrent that is read has more files. */
const MAX_INDEX = 499_999
/** Characters of a name. */
const MAX_NAME = 255

/** Whether a source is a link or an info-hash (40 or 64 hex digits), rather than a file or a URL. White space around it is ignored. */
export function isMagnet(source: string): boolean {
  return /^\s*(?:magnet:|(?:[0-9a-f]{40}|[0-9a-f]{64})\s*$)/i.test(source)
}

/**
 * Reads a link, or an info-hash by itself. What nothing depends on is left out with a warning.
 * @throws InputError ERR_USAGE that names the value which cannot be
 */
export function parseMagnet(given: string): Magnet {
  const source = given.trim()
  if (!isMagnet(source)) fail(`expected a magnet link or an info-hash, got ${quote(source)}`)
  const alone = { trackers: [], webSeeds: [], peers: [], sources: [], warnings: [] }
  if (/^[0-9a-f]{40}$/i.test(source)) return { infoHash: Buffer.from(source, 'hex'), ...alone }
  if (/^[0-9a-f]{64}$/i.test(source)) return { infoHashV2: Buffer.from(source, 'hex'), ...alone }
  if (source.length > MAX_LINK)
    fail(`a magnet link of ${source.length} characters, at most ${MAX_LINK} are read`)
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

/** The torrent of a link whose metadata came from peers. Rejects as `openMetainfo` does. */
export async function metainfoOf(
  info: Uint8Array,
  magnet: Magnet,
  options: NameOptions = {},
): Promise<Metainfo> {
  return joined(await openInfo(info, options), magnet)
}

/** A torrent with the trackers and web seeds of a link that names it: those come first. */
export function joined(metainfo: Metainfo, magnet: Magnet): Metainfo {
  const there = new Set(magnet.trackers.flat())
  const more = metainfo.trackers.map(tier => tier.filter(url => !there.has(url)))
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

/** The values of each parameter, those that are numbered (`tr.1`) among those that are not. */
function parameters(link: string): Map<string, string[]> {
  const at = link.indexOf('?')
  const all = new Map<string, string[]>()
  if (at < 0) return all
  for (const [key, value] of new URLSearchParams(link.slice(at + 1))) {
    // `amp;`: copied out of a web page with its escapes
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
    fail(`a magnet link for two torrents: a second urn:${kind}, ${quote(topic)}`)
  return now
}

function v1(value: string): Buffer {
  if (/^[0-9a-f]{40}$/i.test(value)) return Buffer.from(value, 'hex')
  if (/^[a-z2-7]{32}$/i.test(value)) return base32(value.toUpperCase())
  return fail(`xt=urn:btih: expected 40 hex digits or 32 of base32, got ${quote(value)}`)
}

/** A multihash: which function (SHA-256), how many bytes, the hash. */
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

/** `0,2,4,6-8` (BEP 53), each once and rising: ranges are joined before they are spelled out. */
function indices(given: string): number[] {
  const ranges = given.split(',').map(part => {
    const [, first, last = first] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part.trim()) ?? []
    if (first === undefined) fail(`so: expected file indices like 0,2,6-8, got ${quote(part)}`)
    const range = { first: Number(first), last: Number(last) }
    if (range.first > range.last) fail(`so: a range that ends before it begins, ${quote(part)}`)
    if (range.last > MAX_INDEX) fail(`so: no torrent has a file ${range.last}, at most ${MAX_INDEX} is read`)
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
