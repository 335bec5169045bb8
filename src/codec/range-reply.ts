/** What an HTTP server's answer to a request for a range of bytes is worth (RFC 9110). */

import { quote } from './quote.ts'

/** Of an answer: what decides about it. */
export interface ReplyHead {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

/** What was asked for. */
export interface AskedRange {
  /** Bytes from the start of what the URL names. @default its start, and it was asked for whole */
  readonly first?: number
  /** Bytes. */
  readonly length: number
  /** Bytes of all that the URL names. @default length */
  readonly size?: number
}

export type Verdict =
  /** The bytes from `from` to before `to` follow, counted from the start of what the URL names. */
  | { readonly kind: 'body'; readonly from: number; readonly to: number }
  /** The server is busy; it can be asked again `after` so many milliseconds, if it said so. */
  | { readonly kind: 'busy'; readonly why: string; readonly after?: number }
  /** What the URL names cannot be had, or is something else. */
  | { readonly kind: 'unusable'; readonly why: string }

/** Statuses of a busy server, beside those from 500. */
const BUSY = new Set([408, 421, 425, 429])

/**
 * Judges an answer by its head. An answer that brings the whole, or less than was asked for, is usable; one that begins
 * elsewhere or is longer is not.
 *
 * Depends on: the status, Content-Range, Content-Length, Content-Encoding, Retry-After and Date; what was asked for.
 */
export function judgeReply({ status, headers }: ReplyHead, asked: AskedRange): Verdict {
  const { first = 0, length, size = length } = asked
  const header = (name: string) => String(headers[name] ?? '').trim()
  if (status >= 500 || BUSY.has(status)) {
    const after = retryAfter(header('retry-after'), header('date'))
    return { kind: 'busy', why: `HTTP ${status}`, ...(after === undefined ? {} : { after }) }
  }
  const unusable = (why: string): Verdict => ({ kind: 'unusable', why })
  if (status !== 206 && status !== 200) return unusable(`HTTP ${status}`)
  const encoding = header('content-encoding').toLowerCase()
  if (encoding !== '' && encoding !== 'identity')
    return unusable(`the content is encoded as ${quote(encoding)}`)
  const told = header('content-length')
  if (told !== '' && !/^\d{1,16}$/.test(told)) return unusable(`a content length of ${quote(told)}`)
  if (status === 200) {
    if (told !== '' && Number(told) !== size) return unusable(`${told} bytes where there have to be ${size}`)
    return { kind: 'body', from: 0, to: size }
  }
  const range = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/i.exec(header('content-range'))
  if (!range) return unusable(`a content range of ${quote(header('content-range'))}`)
  const [, from, last, all] = range
  if (all !== '*' && Number(all) !== size) return unusable(`${all} bytes where there have to be ${size}`)
  const to = Number(last) + 1
  if (Number(from) !== first || to <= first || to > first + length)
    return unusable(`bytes ${from}-${last} where ${first}-${first + length - 1} were asked for`)
  if (told !== '' && Number(told) !== to - first) return unusable(`${told} bytes in a range of ${to - first}`)
  return { kind: 'body', from: first, to }
}

/** Milliseconds: a number of seconds, or a date, held against the server's own. */
function retryAfter(text: string, date: string): number | undefined {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  const wait = Date.parse(text) - Date.parse(date)
  return wait >= 0 ? wait : undefined
}
