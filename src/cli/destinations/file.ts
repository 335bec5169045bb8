import { createHash } from 'node:crypto'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { stream } from '../../pipeline/download.ts'
import { type RangeSpec, within } from '../range.ts'
import type { Common, Destination } from './destination.ts'
import { toStdout } from './piped.ts'

export interface FileOptions {
  readonly range?: RangeSpec
  readonly digest?: boolean
}

/** One file, or some of its bytes, to standard output. */
export function fileToStdout(
  metainfo: Metainfo,
  index: number,
  common: Common,
  { range, digest }: FileOptions,
): Destination {
  const { path, length } = metainfo.files[index]!
  const bytes = range ? within(range, length, path) : { start: 0, end: length }
  const reader = stream(metainfo, { ...common, ...bytes, file: index, lend: true, sharedMemory: true })
  const { torrent } = reader
  const digests = new Map<string, string>()
  return {
    torrent,
    digests,
    async transfer() {
      const hash = digest ? createHash('sha256') : undefined
      await toStdout(reader, { hash })
      await torrent.done
      if (hash) digests.set(path, hash.digest('hex'))
    },
  }
}
