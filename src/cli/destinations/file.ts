import { createHash } from 'node:crypto'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { rangeContent } from '../../pipeline/download.ts'
import type { Torrent } from '../../pipeline/torrent.ts'
import { type RangeSpec, within } from '../range.ts'
import type { Destination } from './destination.ts'
import { toStdout } from './piped.ts'

export interface FileOptions {
  readonly range?: RangeSpec
  readonly digest?: boolean
}

/** One file, or some of its bytes, to standard output. */
export function fileToStdout(
  torrent: Torrent,
  metainfo: Metainfo,
  index: number,
  { range, digest }: FileOptions,
): Destination {
  const { path, length } = metainfo.files[index]!
  const bytes = range ? within(range, length, path) : { start: 0, end: length }
  torrent.begin({ ...rangeContent(metainfo, index, bytes.start, bytes.end), sharedMemory: true }, metainfo)
  const reader = torrent.files[index]!.stream({ ...bytes, lend: true })
  const digests = new Map<string, string>()
  return {
    digests,
    async transfer() {
      const hash = digest ? createHash('sha256') : undefined
      await toStdout(reader, { hash })
      await torrent.done
      if (hash) digests.set(path, hash.digest('hex'))
    },
  }
}
