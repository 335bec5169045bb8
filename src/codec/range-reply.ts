/** What an HTTP server's answer to a request for a range of bytes is worth (RFC 9110). */

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
  /** The bytes follow, after `skip` that were not asked for; `more` may come behind them. */
  | { readonly kind: 'body'; readonly skip: number; readonly more: boolean }
  /** Not now; `after` so many milliseconds, if it said so. */
  | { readonly kind: 'later'; readonly why: string; readonly after?: number }
  /** Never from this URL. */
  | { readonly kind: 'never'; readonly why: string }

/** Bytes that are read and thrown away where a server knows no ranges. */
export const MAX_SKIP = 4 << 20
/** Answers that say that another time may be better, beside those from 500. */
const LATER = new Set([408, 421, 425, 429])

/**
 * Judges an answer by its head.
 *
 * Depends on: the status, Content-Range, Content-Length, Content-Encoding, Retry-After and Date; what was asked for.
 */
export function judgeReply({ status, headers }: ReplyHead, asked: AskedRange): Verdict {
  const { first = 0, length, size = length } = asked
  const header = (name: string) => String(headers[name] ?? '').trim()
  if (status >= 500 || LATER.has(status)) {
    const after = retryAfter(header('retry-after'), header('date'))
    return { kind: 'later', why: `HTTP ${status}`, ...(after === undefined ? {} : { after }) }
  }
  const never = (why: string): Verdict => ({ kind: 'never', why })
  if (status !== 206 && status !== 200) return never(`HTTP ${status}`)
  const encoding = header('content-encoding').toLowerCase()
  if (encoding !== '' && encoding !== 'identity') return never(`the content is encoded as ${encoding}`)
  const told = header('content-length')
  if (told !== '' && !/^\d+$/.test(told)) return never(`a content length of ${told}`)
  if (status === 200) {
    if (told !== '' && Number(told) !== size) return never(`${told} bytes where there have to be ${size}`)
    if (first > MAX_SKIP) return never('no ranges: it answers with the whole')
    return { kind: 'body', skip: first, more: first + length < size }
  }
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/i.exec(header('content-range'))
  if (!range) return never(`a content range of ${header('content-range') || 'nothing'}`)
  const [, from, to, all] = range
  if (all !== '*' && Number(all) !== size) return never(`${all} bytes where there have to be ${size}`)
  if (Number(from) !== first || Number(to) !== first + length - 1)
    return never(`bytes ${from}-${to} where ${first}-${first + length - 1} were asked for`)
  if (told !== '' && Number(told) !== length) return never(`${told} bytes in a range of ${length}`)
  return { kind: 'body', skip: 0, more: false }
}

/** Milliseconds: a number of seconds, or a date, held against the server's own. */
function retryAfter(text: string, date: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const wait = Date.parse(text) - Date.parse(date)
  return wait >= 0 ? wait : undefined
}
