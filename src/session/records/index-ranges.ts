import { InputError } from '../../errors.ts'

/** Writes indices as `0,2-5`, in ascending order. */
export function formatIndices(indices: Iterable<number>): string {
  const ranges: string[] = []
  let first = -1
  let last = -2
  const close = () => {
    if (first >= 0) ranges.push(first === last ? `${first}` : `${first}-${last}`)
  }
  for (const index of indices) {
    if (index !== last + 1) {
      close()
      first = index
    }
    last = index
  }
  close()
  return ranges.join(',')
}

/** Yields the indices of `0,2-5` that are below `end`. @throws InputError ERR_USAGE for any other text */
export function* parseIndices(ranges: string, end: number): Generator<number> {
  for (const range of ranges === '' ? [] : ranges.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(range)
    if (!match) throw new InputError('ERR_USAGE', `expected indices as 0,2-5, got ${JSON.stringify(range)}`)
    const last = Math.min(Number(match[2] ?? match[1]), end - 1)
    for (let index = Number(match[1]); index <= last; index++) yield index
  }
}
