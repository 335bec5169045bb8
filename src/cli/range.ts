import { InputError } from '../errors.ts'

/** A range as in HTTP: the bytes from `first` to `last`, both included, or the last `suffix` bytes. */
export type RangeSpec =
  | { readonly first: number; readonly last: number | undefined }
  | { readonly suffix: number }

/** Parses `A-B`, `A-` or `-N`. */
export function parseRange(text: string): RangeSpec {
  const [, first = '', last = ''] = /^(\d*)-(\d*)$/.exec(text.trim()) ?? []
  const [from, to] = [Number(first), Number(last)]
  const safe = Number.isSafeInteger(from) && Number.isSafeInteger(to)
  if (safe && first !== '' && (last === '' || from <= to)) {
    return { first: from, last: last === '' ? undefined : to }
  }
  if (safe && first === '' && last !== '') return { suffix: to }
  throw new InputError(
    'ERR_USAGE',
    `not a range: ${JSON.stringify(text)}; write it like 0-499, 500- or -500 (the last 500)`,
  )
}

/**
 * Applies a range to a file of `length` bytes. `end` is the byte after the last.
 * @throws InputError if the file has none of the bytes
 */
export function resolveRange(range: RangeSpec, length: number, path: string): { start: number; end: number } {
  const start = 'suffix' in range ? Math.max(0, length - range.suffix) : range.first
  const end = 'suffix' in range || range.last === undefined ? length : Math.min(length, range.last + 1)
  if (start < end) return { start, end }
  const text = 'suffix' in range ? `-${range.suffix}` : `${range.first}-${range.last ?? ''}`
  throw new InputError(
    'ERR_USAGE',
    `--range ${text}: ${path} has ${length} bytes, none of them in this range`,
  )
}
