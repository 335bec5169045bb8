import type { ResponseRange } from './served-torrents.ts'

/** Maximum number of ranges of one request, after adjacent ones are joined. Players request fewer. */
const MAX_RANGES = 16

/**
 * The ranges that a `Range` header requests of a file of `length` bytes (RFC 9110, 14.1.2), in the requested order.
 * Ranges that overlap or touch are joined. Ranges that begin behind the end of the file are left out.
 *
 * Inputs: the header, the length.
 *
 * @returns 'all' if the header is ignored: it is missing, malformed, of another unit, or has too many ranges; 'none' if
 * it is valid and none of its ranges lies in the file
 */
export function rangesOf(
  header: string | undefined,
  length: number,
): readonly ResponseRange[] | 'all' | 'none' {
  const list = /^\s*bytes\s*=(.*)$/is.exec(header ?? '')?.[1]
  if (list === undefined) return 'all'
  const ranges: ResponseRange[] = []
  let asked = 0
  for (const spec of list.split(',')) {
    if (spec.trim() === '') continue // a list may have empty members (RFC 9110, 5.6.1)
    const range = rangeOf(spec, length)
    if (!range) return 'all'
    asked++
    if (range.start < range.end) ranges.push(range)
  }
  if (asked === 0) return 'all'
  if (ranges.length === 0) return 'none'
  const joined = joinRanges(ranges)
  return joined.length > MAX_RANGES ? 'all' : joined
}

/** One range, cut to the file: empty if it lies behind the end, undefined if it is malformed. */
function rangeOf(spec: string, length: number): ResponseRange | undefined {
  const match = /^\s*(\d*)-(\d*)\s*$/.exec(spec)
  if (!match) return undefined
  const [, first = '', last = ''] = match
  if (first === '') {
    if (last === '') return undefined
    return { start: Math.max(0, length - Number(last)), end: length }
  }
  const start = Number(first)
  if (last === '') return { start, end: length }
  if (Number(last) < start) return undefined
  return { start, end: Math.min(Number(last) + 1, length) }
}

/** Joins ranges that overlap or touch; a joined range takes the place of its first. */
function joinRanges(ranges: readonly ResponseRange[]): readonly ResponseRange[] {
  const sorted = ranges.map((range, at) => ({ ...range, at })).sort((a, b) => a.start - b.start)
  const joined = [sorted[0]!]
  for (const range of sorted.slice(1)) {
    const before = joined.at(-1)!
    if (range.start > before.end) joined.push(range)
    else {
      before.end = Math.max(before.end, range.end)
      before.at = Math.min(before.at, range.at)
    }
  }
  return joined.sort((a, b) => a.at - b.at).map(({ start, end }) => ({ start, end }))
}
