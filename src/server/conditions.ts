import type { IncomingHttpHeaders } from 'node:http'

/**
 * What the conditions of a request come to (RFC 9110, 13.2.2), in their order: 412, 304, or neither.
 *
 * Depends on: If-Match, If-None-Match, the entity tag, which is strong. What is in a torrent has no date of its own,
 * so If-Modified-Since and If-Unmodified-Since are ignored, as they must be then.
 */
export function conditionOf(headers: IncomingHttpHeaders, etag: string): 412 | 304 | undefined {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers
  if (match !== undefined && !names(match, etag, false)) return 412
  if (noneMatch !== undefined && names(noneMatch, etag, true)) return 304
  return undefined
}

/**
 * Whether a Range header counts (RFC 9110, 13.1.5): always without If-Range, else only for this very tag.
 *
 * Depends on: If-Range, the entity tag. A date matches nothing, there being none.
 */
export function rangeApplies(headers: IncomingHttpHeaders, etag: string): boolean {
  const condition = headers['if-range']
  return condition === undefined || condition.toString().trim() === etag
}

/** Whether a list of tags holds this one; a weak one is the same only where that is enough. */
function names(list: string, etag: string, weakly: boolean): boolean {
  if (list.trim() === '*') return true
  return Array.from(list.matchAll(/(W\/)?("[^"]*")/g)).some(
    ([, weak, tag]) => tag === etag && (weakly || weak === undefined),
  )
}
