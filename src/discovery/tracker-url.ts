import { InputError } from '../errors.ts'
import { printable } from './printable.ts'

/** The schemes of trackers that we can talk to. */
const SUPPORTED = new Set(['http', 'https'])

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
  const trimmed = text.trim()
  const bad = (why: string) => new InputError('ERR_USAGE', `tracker ${trackerName(trimmed)}: ${why}`)
  // The URL parser would silently drop CR, LF and TAB and so make another address of it.
  if (/\p{Cc}/u.test(trimmed)) throw bad('control characters in the address')
  const scheme = schemeOf(trimmed)
  // Without the slashes the parser would still find a host in `http:host`, or in `localhost:80` a scheme.
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed)) throw bad('not an absolute http(s) URL')
  if (!SUPPORTED.has(scheme)) throw bad(`${scheme} trackers aren't supported yet`)
  if (/^[a-z]+:\/\/[/?#\\]/i.test(trimmed)) throw bad('no host in the address')
  const url = URL.canParse(trimmed) ? new URL(trimmed) : undefined
  if (!url) throw bad('not a valid URL')
  if (url.port === '0') throw bad('port 0 in the address')
  url.hash = ''
  return url
}

/**
 * How a tracker is named in messages and events: its address without credentials and query, long
 * alphanumeric path segments (passkeys) hidden.
 */
export function trackerName(url: URL | string): string {
  let text = String(url)
  if (URL.canParse(text)) {
    const { protocol, host, pathname } = new URL(text)
    text = `${protocol}${host ? '//' : ''}${host}${pathname}`
  } else {
    text = text.replace(/[?#].*$/s, '').replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, '$1')
  }
  return printable(text.replace(/(?<=\/)[0-9a-z]{16,}(?=\/|$)/gi, '…'), 120)
}
