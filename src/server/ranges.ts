import type { ByteRange } from './shelf.ts'

/** Ranges of one request, those that touch put together; more are no player's. */
const MAX_RANGES = 16

/**
 * The bytes that a `Range` header asks of a file of `length` bytes (RFC 9110, 14.1.2), in the order asked for; what
 * overlaps or touches is one. Ranges that begin behind the end are left out.
 *
 * Depends on: the header, the length.
 *
 * @returns 'all' when the header is to be ignored, being none, malformed, of another unit, or of too many ranges;
 * 'none' when it can be read and not one of its ranges lies in the file
 */
export function rangesOf(header: string | undefined, length: number): readonly ByteRange[] | 'all' | 'none' {
  const list = /^\s*bytes\s*=(.*)$/is.exec(header ?? '')?.[1]
  if (list === undefined) return 'all'
  const ranges: ByteRange[] = []
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
  const joined = join(ranges)
  return joined.length > MAX_RANGES ? 'all' : joined
}

/** One range, cut to the file, empty when it lies behind its end; undefined when it is none. */
function rangeOf(spec: string, length: number): ByteRange | undefined {
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

/** Ranges that overlap or touch made one, where the first of them stood. */
function join(ranges: readonly ByteRange[]): readonly ByteRange[] {
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
