import { InputError } from '../errors.ts'

/** Bytes as HTTP names them: from `first` to `last` inclusive, or the last `suffix` ones. */
export type RangeSpec =
  | { readonly first: number; readonly last: number | undefined }
  | { readonly suffix: number }

/** Reads `A-B`, `A-` or `-N`. */
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
 * Where those bytes lie in a file of `length` bytes: from `start` to before `end`.
 * @throws InputError when none of them does
 */
export function within(range: RangeSpec, length: number, path: string): { start: number; end: number } {
  const start = 'suffix' in range ? Math.max(0, length - range.suffix) : range.first
  const end = 'suffix' in range || range.last === undefined ? length : Math.min(length, range.last + 1)
  if (start < end) return { start, end }
  const asked = 'suffix' in range ? `-${range.suffix}` : `${range.first}-${range.last ?? ''}`
  throw new InputError('ERR_USAGE', `--range ${asked}: no such bytes, ${path} has ${length}`)
}
