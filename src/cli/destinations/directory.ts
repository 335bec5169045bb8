import { createHash } from 'node:crypto'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import { pick } from '../../pick.ts'
import { download } from '../../pipeline/download.ts'
import { share } from '../../pipeline/share.ts'
import type { Torrent } from '../../pipeline/torrent.ts'
import { recordOf, sharedLocks } from '../state.ts'
import type { Common, Destination } from './destination.ts'

export interface DirectoryOptions {
  readonly output?: string
  readonly selected?: ReadonlySet<number> | undefined
  readonly sequential?: boolean
  readonly seedRatio?: number
  readonly seedTime?: number
  readonly digest?: boolean
}

/** The selected files, below a directory. */
export function filesToDirectory(metainfo: Metainfo, common: Common, options: DirectoryOptions): Destination {
  const { output = '.', selected, seedRatio: ratio, seedTime: time } = options
  const sharing = ratio !== undefined || time !== undefined
  const torrent = download(metainfo, {
    ...common,
    output,
    record: recordOf(metainfo.infoHash, output),
    locks: sharedLocks(),
    ...(selected ? { select: (index: number) => selected.has(index) } : {}),
    ...(options.sequential ? { sequential: true } : {}),
    ...(sharing ? { share: true } : {}),
  })
  const digests = new Map<string, string>()
  return {
    torrent,
    digests,
    async transfer() {
      const hashed = options.digest ? hashAll(torrent, selected, digests) : undefined
      await Promise.all([torrent.done, hashed])
      if (!sharing) return
      await share(torrent, pick({ ratio, time }, 'ratio', 'time'))
      await torrent.confirm()
    },
  }
}

/** Reads each file once, close behind what is written, so that it is still in the system's cache. */
async function hashAll(
  { files }: Torrent,
  selected: ReadonlySet<number> | undefined,
  digests: Map<string, string>,
): Promise<void> {
  for (const file of files) {
    if (file.entry.pad || selected?.has(file.index) === false) continue
    const hash = createHash('sha256')
    for await (const chunk of file.stream()) hash.update(chunk as Uint8Array)
    digests.set(file.path, hash.digest('hex'))
  }
}
