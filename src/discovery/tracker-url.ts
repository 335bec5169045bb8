import { urlOf } from '../codec/url.ts'
import { InputError } from '../errors.ts'
import { printable } from './printable.ts'

/** The schemes of trackers that we can talk to. */
const SUPPORTED = new Set(['http', 'https', 'udp'])

/** The scheme of a tracker's address, lower case, or '' where it has none. */
export function schemeOf(text: string): string {
  return /^\s*([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase() ?? ''
}

/** Whether trackers of this scheme can be asked at all. */
export function isSupportedScheme(scheme: string): boolean {
  return SUPPORTED.has(scheme)
}

/**
 * Reads the address of an HTTP tracker as a torrent or magnet gives it.
 * Throws InputError ERR_USAGE, naming the address, where it can't be one.
 */
export function parseTrackerUrl(text: string): URL {
  return parse(text, ['http', 'https'])
}

/** The parts of a UDP tracker's address. */
export interface UdpTrackerUrl {
  /** A name or an address, IPv6 without brackets. */
  readonly host: string
  readonly port: number
  /** Path and query as they stand there (BEP 41), '' for none. */
  readonly target: string
}

/** Reads the address of a UDP tracker, which has to name a port. Throws as `parseTrackerUrl` does. */
export function parseUdpTrackerUrl(text: string): UdpTrackerUrl {
  const url = parse(text, ['udp'])
  const bad = (why: string) => new InputError('ERR_USAGE', `tracker ${trackerName(url)}: ${why}`)
  if (url.port === '') throw bad('no port in the address')
  // Of schemes that it does not know the URL parser leaves the host as it is: not an address, a name with capitals.
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
  if (!SUPPORTED.has(scheme)) throw bad(`${scheme} trackers aren't supported yet`)
  if (!schemes.includes(scheme)) throw bad(`${scheme} where ${schemes.join(' or ')} is spoken`)
  if (/^[a-z]+:\/\/[/?#\\]/i.test(trimmed)) throw bad('no host in the address')
  const url = urlOf(trimmed)
  if (!url || url.hostname === '') throw bad('not a valid URL')
  if (url.port === '0') throw bad('port 0 in the address')
  url.hash = ''
  return url
}

/**
 * Where a tracker that announces at `url` is scraped (BEP 48): the last part of its path that begins with `announce` has
 * `scrape` in its place. Undefined where there is none: such a tracker can't be scraped.
 */
export function scrapeUrl(url: URL): URL | undefined {
  const pathname = url.pathname.replace(/^(.*\/)announce/, '$1scrape')
  if (pathname === url.pathname) return undefined
  const target = new URL(url)
  target.pathname = pathname
  return target
}

/**
 * How a tracker is named in messages and events: its address without credentials and query, long
 * alphanumeric path segments (passkeys) hidden.
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
