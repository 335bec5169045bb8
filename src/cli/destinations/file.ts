import { createHash } from 'node:crypto'
import { type Metainfo, rangeContent, type Torrent } from '../../index.ts'
import { type RangeSpec, resolveRange } from '../range.ts'
import type { DownloadDestination } from './destination.ts'
import { writeToStdout } from './piped.ts'

/** The options for one file on standard output. */
export interface FileOptions {
  readonly range?: RangeSpec
  readonly digest?: boolean
}

/** Begins to write one file, or a range of it, to standard output. */
export function beginFileToStdout(
  torrent: Torrent,
  metainfo: Metainfo,
  index: number,
  { range, digest }: FileOptions,
): DownloadDestination {
  const { path, length } = metainfo.files[index]!
  const bytes = range ? resolveRange(range, length, path) : { start: 0, end: length }
  torrent.begin({ ...rangeContent(metainfo, index, bytes.start, bytes.end), sharedMemory: true }, metainfo)
  const reader = torrent.files[index]!.stream({ ...bytes, lend: true })
  const digests = new Map<string, string>()
  return {
    digests,
    async transfer() {
      const hash = digest ? createHash('sha256') : undefined
      await writeToStdout(reader, { hash })
      await torrent.done
      if (hash) digests.set(path, hash.digest('hex'))
    },
  }
}
