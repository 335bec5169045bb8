/** The trackers and web seeds of a torrent: valid URLs without duplicates. */

import { asList, asText, type BencodeValue } from '../codec/bencode.ts'
import { checkArgument } from '../codec/check-arguments.ts'
import { quote } from '../codec/quote.ts'
import { urlOf } from '../codec/url.ts'
import type { Warn } from './warnings.ts'

/** Maximum number of trackers, and of web seeds, in a torrent or link. Each of them would be contacted. */
const MAX_URLS = 1_000

/**
 * Returns why `url` is not a valid tracker, as a predicate such as "has no port", or `undefined` if it is valid: HTTP,
 * HTTPS, or UDP with a port.
 */
export function trackerFault(url: string): string | undefined {
  checkArgument('url', url, 'string')
  return fault(url, ['http:', 'https:', 'udp:'])
}

/** Returns why `url` is not a valid web seed (BEP 19), or `undefined` if it is: HTTP and HTTPS only, not FTP. */
export function webSeedFault(url: string): string | undefined {
  checkArgument('url', url, 'string')
  return fault(url, ['http:', 'https:'])
}

/**
 * Reads the tiers of tracker URLs (BEP 12) from `announce-list`, or from `announce` if that has none.
 * A repeated URL keeps its first position. An invalid URL is ignored with a warning.
 */
export function readTrackers(
  announce: BencodeValue | undefined,
  announceList: BencodeValue | undefined,
  warn: Warn,
): string[][] {
  const seen = new Set<string>()
  // A common mistake is a list of strings; each string becomes a tier.
  const tiers = items(announceList, 'announce-list', warn)
    .map(tier => usable(items(tier, 'announce-list', warn), 'announce-list', trackerFault, seen, warn))
    .filter(tier => tier.length > 0)
  if (tiers.length > 0) return tiers
  const announceTrackers = usable(items(announce, 'announce', warn), 'announce', trackerFault, seen, warn)
  return announceTrackers.length > 0 ? [announceTrackers] : []
}

/** Reads web seeds (BEP 19) from `url-list`, which is a list or a string. */
export function readWebSeeds(urlList: BencodeValue | undefined, warn: Warn): string[] {
  return usable(items(urlList, 'url-list', warn), 'url-list', webSeedFault, new Set(), warn)
}

/** Returns the valid URLs of a link without duplicates. */
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

/** Reads web seeds of BEP 17 from `httpseeds`, which is a list or a string. */
export function readHttpSeeds(httpSeeds: BencodeValue | undefined, warn: Warn): string[] {
  return usable(items(httpSeeds, 'httpseeds', warn), 'httpseeds', webSeedFault, new Set(), warn)
}

/** Returns the items of a list. Any other value counts as a list of one item. */
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
    // Some torrents contain unencoded spaces. libtorrent encodes them too.
    const url = asText(value)?.trim().replaceAll(' ', '%20')
    // An empty string means that there is no URL, so it needs no warning.
    if (url === '') continue
    const why = url === undefined ? 'is not a string' : faultOf(url)
    if (url === undefined || why !== undefined) {
      warn(`${key}: ${url === undefined ? 'an entry' : quote(url)} ${why}, ignored`)
    } else if (seen.size < MAX_URLS && !seen.has(url)) {
      seen.add(url)
      urls.push(url)
    }
  }
  // Copied to the exact length: a list that grew keeps spare room, and a client may have thousands of torrents.
  return urls.slice()
}

function fault(url: string, schemes: readonly string[]): string | undefined {
  // Checked first, since the URL parser drops line breaks and would hide them.
  if (/[\s\p{Cc}]/u.test(url)) return 'contains a space or control character'
  if (url.length > 4096) return 'is longer than 4096 characters'
  const parsed = urlOf(url)
  if (!parsed) return 'is not a valid URL'
  const { protocol, hostname, port } = parsed
  const kinds = schemes.map(scheme => scheme.slice(0, -1)).join(', ')
  if (!schemes.includes(protocol)) return `has a scheme other than ${kinds}`
  if (hostname === '') return 'has no host'
  if (port === '0') return 'has port 0'
  return protocol === 'udp:' && port === '' ? 'has no port' : undefined
}
