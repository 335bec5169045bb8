import type { IncomingHttpHeaders } from 'node:http'

/**
 * Evaluates the conditions of a request in their order of precedence (RFC 9110, 13.2.2): 412, 304, or neither.
 *
 * Inputs: If-Match, If-None-Match, the entity tag, which is strong. A file of a torrent has no modification date, so
 * If-Modified-Since and If-Unmodified-Since are ignored, as the RFC demands.
 */
export function conditionOf(headers: IncomingHttpHeaders, etag: string): 412 | 304 | undefined {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers
  if (match !== undefined && !listsTag(match, etag, false)) return 412
  if (noneMatch !== undefined && listsTag(noneMatch, etag, true)) return 304
  return undefined
}

/**
 * True if a Range header applies (RFC 9110, 13.1.5): there is no If-Range, or it holds this entity tag.
 *
 * Inputs: If-Range, the entity tag. A date never matches, because a file of a torrent has none.
 */
export function rangeApplies(headers: IncomingHttpHeaders, etag: string): boolean {
  const condition = headers['if-range']
  return condition === undefined || condition.toString().trim() === etag
}

/** True if a list of entity tags contains this one, compared strongly or weakly (RFC 9110, 8.8.3.2). */
function listsTag(list: string, etag: string, weakly: boolean): boolean {
  if (list.trim() === '*') return true
  return Array.from(list.matchAll(/(W\/)?("[^"]*")/g)).some(
    ([, weak, tag]) => tag === etag && (weakly || weak === undefined),
  )
}
