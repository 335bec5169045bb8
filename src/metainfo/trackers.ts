/** Which trackers and web seeds a torrent names: usable URLs only, each once. */
import { asList, type BencodeValue, text } from '../codec/bencode.ts'
import { quote } from '../codec/quote.ts'
import { urlOf } from '../codec/url.ts'
import type { Warn } from './warnings.ts'

/** URLs in one torrent or link, of either kind: each is somebody that we would go and ask. */
const MAX_URLS = 1_000

/** Why `url` cannot be announced to, as words after "it", or `undefined` if it can: http, https or udp with a port. */
export function trackerFault(url: string): string | undefined {
  return fault(url, ['http:', 'https:', 'udp:'])
}

/** Why `url` cannot be a web seed (BEP 19), or `undefined` if it can: http and https only, no ftp. */
export function webSeedFault(url: string): string | undefined {
  return fault(url, ['http:', 'https:'])
}

/**
 * Tiers of tracker URLs (BEP 12): those of `announce-list`, or else `announce` alone.
 * A URL that stands in two places stays in the first; what cannot be used is left out with a warning.
 */
export function readTrackers(
  announce: BencodeValue | undefined,
  announceList: BencodeValue | undefined,
  warn: Warn,
): string[][] {
  const seen = new Set<string>()
  // A list of plain strings is a common mistake for tiers of one each.
  const tiers = items(announceList, 'announce-list', warn)
    .map(tier => usable(items(tier, 'announce-list', warn), 'announce-list', trackerFault, seen, warn))
    .filter(tier => tier.length > 0)
  if (tiers.length > 0) return tiers
  const only = usable(items(announce, 'announce', warn), 'announce', trackerFault, seen, warn)
  return only.length > 0 ? [only] : []
}

/** Web seeds (BEP 19) of a `url-list`, which is a list, or one string. */
export function readWebSeeds(urlList: BencodeValue | undefined, warn: Warn): string[] {
  return usable(items(urlList, 'url-list', warn), 'url-list', webSeedFault, new Set(), warn)
}

/** The usable of some URLs, each once: those of a link rather than of a torrent. */
export function usableUrls(
  urls: readonly string[],
  key: string,
  faultOf: (url: string) => string | undefined,
  warn: Warn,
): string[] {
  const values = urls.slice(0, MAX_URLS).map(url => Buffer.from(url))
  if (urls.length > MAX_URLS) warn(`${key}: ${urls.length} entries, all past ${MAX_URLS} are ignored`)
  return usable(values, key, faultOf, new Set(), warn)
}

/** Web seeds (BEP 17) of `httpseeds`, a list, or one string. */
export function readHttpSeeds(httpSeeds: BencodeValue | undefined, warn: Warn): string[] {
  return usable(items(httpSeeds, 'httpseeds', warn), 'httpseeds', webSeedFault, new Set(), warn)
}

/** A list's items; anything else that is there counts as a list of one. */
function items(value: BencodeValue | undefined, key: string, warn: Warn): BencodeValue[] {
  if (value === undefined) return []
  const list = asList(value) ?? [value]
  if (list.length > MAX_URLS) warn(`${key}: ${list.length} entries, all past ${MAX_URLS} are ignored`)
  return list.slice(0, MAX_URLS)
}

function usable(
  values: readonly BencodeValue[],
  key: string,
  faultOf: (url: string) => string | undefined,
  seen: Set<string>,
  warn: Warn,
): string[] {
  const urls: string[] = []
  for (const value of values) {
    // As libtorrent does: the URL is meant, whoever wrote it forgot to encode it.
    const url = text(value)?.trim().replaceAll(' ', '%20')
    // Absent by another spelling: nothing to warn of.
    if (url === '') continue
    const why = url === undefined ? 'is no string' : faultOf(url)
    if (url === undefined || why !== undefined) {
      warn(`${key}: ${url === undefined ? 'an entry' : quote(url)} ${why}, ignored`)
    } else if (seen.size < MAX_URLS && !seen.has(url)) {
      seen.add(url)
      urls.push(url)
    }
  }
  return urls
}

function fault(url: string, schemes: readonly string[]): string | undefined {
  // First, since the URL parser drops line breaks, and what is asked for would not be what was checked.
  if (/[\s\p{Cc}]/u.test(url)) return 'holds a space or control character'
  if (url.length > 4096) return 'is longer than 4096 characters'
  const parsed = urlOf(url)
  if (!parsed) return 'is no URL'
  const { protocol, hostname, port } = parsed
  const kinds = schemes.map(scheme => scheme.slice(0, -1)).join(', ')
  if (!schemes.includes(protocol)) return `is none of ${kinds}`
  if (hostname === '') return 'has no host'
  if (port === '0') return 'has port 0'
  return protocol === 'udp:' && port === '' ? 'has no port' : undefined
}
