import { urlOf } from '../codec/url.ts'
import { InputError } from '../errors.ts'
import { printable } from './printable.ts'

/** The supported schemes of trackers. */
const SUPPORTED_SCHEMES = new Set(['http', 'https', 'udp'])

/** Returns the scheme of a tracker's URL in lower case, or '' if it has none. */
export function schemeOf(text: string): string {
  return /^\s*([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase() ?? ''
}

/** True if trackers of this scheme are supported. */
export function isSupportedScheme(scheme: string): boolean {
  return SUPPORTED_SCHEMES.has(scheme)
}

/** Names of valid URLs of HTTP trackers, as thousands of torrents have the same few. */
const knownNames = new Map<string, string>()
const MAX_KNOWN_NAMES = 256

/** Returns the name of an HTTP tracker, as `trackerName` does. Throws as `parseTrackerUrl` does. */
export function httpTrackerName(text: string): string {
  const known = knownNames.get(text)
  if (known !== undefined) return known
  const name = trackerName(parseTrackerUrl(text))
  if (knownNames.size === MAX_KNOWN_NAMES) knownNames.clear()
  knownNames.set(text, name)
  return name
}

/**
 * Parses the URL of an HTTP tracker in a torrent or a magnet link.
 * Throws InputError ERR_USAGE, naming the URL, if it is invalid.
 */
export function parseTrackerUrl(text: string): URL {
  return parse(text, ['http', 'https'])
}

/** The parts of a UDP tracker's URL. */
export interface UdpTrackerUrl {
  /** A name or an address, IPv6 without brackets. */
  readonly host: string
  readonly port: number
  /** Path and query, unchanged (BEP 41); '' for none. */
  readonly target: string
}

/** Parses the URL of a UDP tracker, which must have a port. Throws as `parseTrackerUrl` does. */
export function parseUdpTrackerUrl(text: string): UdpTrackerUrl {
  const url = parse(text, ['udp'])
  const bad = (why: string) => new InputError('ERR_USAGE', `tracker ${trackerName(url)}: ${why}`)
  if (url.port === '') throw bad('no port in the address')
  // The URL parser does not normalize the host of a scheme that it does not know.
  const asHttp = urlOf(`http://${url.hostname}/`)
  if (!asHttp) throw bad('not a valid URL')
  const host = asHttp.hostname.replace(/^\[(.*)\]$/, '$1')
  return { host, port: Number(url.port), target: url.pathname + url.search }
}

function parse(text: string, schemes: readonly string[]): URL {
  const trimmed = text.trim()
  const bad = (why: string) => new InputError('ERR_USAGE', `tracker ${trackerName(trimmed)}: ${why}`)
  // The URL parser would silently drop CR, LF and TAB and so make another address of it.
  if (/\p{Cc}/u.test(trimmed)) throw bad('control characters in the address')
  const scheme = schemeOf(trimmed)
  // Without the slashes the parser would still find a host in `http:host`, or in `localhost:80` a scheme.
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed)) throw bad('not an absolute http(s) or udp URL')
  if (!SUPPORTED_SCHEMES.has(scheme)) throw bad(`${scheme} trackers are not supported`)
  if (!schemes.includes(scheme)) throw bad(`${scheme} where ${schemes.join(' or ')} is spoken`)
  if (/^[a-z]+:\/\/[/?#\\]/i.test(trimmed)) throw bad('no host in the address')
  const url = urlOf(trimmed)
  if (!url || url.hostname === '') throw bad('not a valid URL')
  if (url.port === '0') throw bad('port 0 in the address')
  url.hash = ''
  return url
}

/**
 * Returns the scrape URL for an announce URL (BEP 48): `announce` at the start of the last path segment becomes `scrape`.
 * Returns undefined if the tracker cannot be scraped.
 */
export function scrapeUrl(url: URL): URL | undefined {
  const pathname = url.pathname.replace(/^(.*\/)announce/, '$1scrape')
  if (pathname === url.pathname) return undefined
  const target = new URL(url)
  target.pathname = pathname
  return target
}

/**
 * Returns the name of a tracker for messages and events: its URL without credentials and query. Long alphanumeric path
 * segments (passkeys) are hidden.
 */
export function trackerName(url: URL | string): string {
  let text = String(url)
  const parsed = urlOf(text)
  if (parsed) {
    const { protocol, host, pathname } = parsed
    text = `${protocol}${host ? '//' : ''}${host}${pathname}`
  } else {
    text = text.replace(/[?#].*$/s, '').replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, '$1')
  }
  return printable(text.replace(/(?<=\/)[0-9a-z]{16,}(?=\/|$)/gi, '…'), 120)
}
