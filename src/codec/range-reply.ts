/** Evaluates the reply of an HTTP server to a range request (RFC 9110). */

import { quote } from './quote.ts'

/** The status and headers of a reply. */
export interface ReplyHead {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

/** The requested range. */
export interface AskedRange {
  /** Offset of the first byte in the resource. @default the whole resource was requested */
  readonly first?: number
  /** Length of the range in bytes. */
  readonly length: number
  /** Length of the resource in bytes. @default length */
  readonly size?: number
}

/** The result of `judgeReply`. */
export type ReplyVerdict =
  /** The body has the bytes of the resource from `from` up to, but not including, `to`. */
  | { readonly kind: 'body'; readonly from: number; readonly to: number }
  /** The server is busy. `after` is the time to wait in milliseconds, if the server sent one. */
  | { readonly kind: 'busy'; readonly why: string; readonly after?: number }
  /** The resource is not available, or it is not the expected one. */
  | { readonly kind: 'unusable'; readonly why: string }

/** Status codes of a busy server, in addition to 500 and above. */
const BUSY_STATUSES = new Set([408, 421, 425, 429])

/**
 * Decides from the status and headers if a reply can be used. A reply with the whole resource, or with less than was
 * requested, can be used. A reply that begins at another offset or is longer cannot.
 *
 * Inputs: the status, Content-Range, Content-Length, Content-Encoding, Retry-After and Date; the requested range.
 */
export function judgeReply({ status, headers }: ReplyHead, asked: AskedRange): ReplyVerdict {
  const { first = 0, length, size = length } = asked
  const header = (name: string) => String(headers[name] ?? '').trim()
  if (status >= 500 || BUSY_STATUSES.has(status)) {
    const after = retryAfter(header('retry-after'), header('date'))
    return { kind: 'busy', why: `HTTP ${status}`, ...(after === undefined ? {} : { after }) }
  }
  const unusable = (why: string): ReplyVerdict => ({ kind: 'unusable', why })
  if (status !== 206 && status !== 200) return unusable(`HTTP ${status}`)
  const encoding = header('content-encoding').toLowerCase()
  if (encoding !== '' && encoding !== 'identity')
    return unusable(`the content is encoded as ${quote(encoding)}`)
  const lengthHeader = header('content-length')
  if (lengthHeader !== '' && !/^\d{1,16}$/.test(lengthHeader))
    return unusable(`invalid Content-Length ${quote(lengthHeader)}`)
  if (status === 200) {
    if (lengthHeader !== '' && Number(lengthHeader) !== size)
      return unusable(`${lengthHeader} bytes, expected ${size}`)
    return { kind: 'body', from: 0, to: size }
  }
  const range = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/i.exec(header('content-range'))
  if (!range) return unusable(`invalid Content-Range ${quote(header('content-range'))}`)
  const [, from, last, all] = range
  if (all !== '*' && Number(all) !== size) return unusable(`${all} bytes, expected ${size}`)
  const to = Number(last) + 1
  if (Number(from) !== first || to <= first || to > first + length)
    return unusable(`bytes ${from}-${last}, requested ${first}-${first + length - 1}`)
  if (lengthHeader !== '' && Number(lengthHeader) !== to - first)
    return unusable(`${lengthHeader} bytes in a range of ${to - first}`)
  return { kind: 'body', from: first, to }
}

/** Returns the milliseconds to wait. A date is compared with the server's own clock. */
function retryAfter(text: string, date: string): number | undefined {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  const wait = Date.parse(text) - Date.parse(date)
  return wait >= 0 ? wait : undefined
}
