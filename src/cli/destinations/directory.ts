import { createHash } from 'node:crypto'
import { directoryContent, type Metainfo, share, type Torrent } from '../../index.ts'
import { pick } from '../../ports/pick.ts'
import { recordPathOf, sharedLocks } from '../state.ts'
import type { DownloadDestination } from './destination.ts'

/** Options of a download to a directory. */
export interface DirectoryDestinationOptions {
  readonly output?: string
  readonly selected?: ReadonlySet<number> | undefined
  readonly reuse?: readonly string[]
  readonly sequential?: boolean
  /** True to share until a signal. */
  readonly seed?: boolean
  readonly seedRatio?: number
  readonly seedTime?: number
  readonly digest?: boolean
}

/** True if a download is shared after it is complete. */
export function isShared({
  seed = false,
  seedRatio,
  seedTime,
}: Pick<DirectoryDestinationOptions, 'seed' | 'seedRatio' | 'seedTime'>): boolean {
  return seed || seedRatio !== undefined || seedTime !== undefined
}

/** Begins to save the selected files in a directory. */
export function beginFilesToDirectory(
  torrent: Torrent,
  metainfo: Metainfo,
  options: DirectoryDestinationOptions,
): DownloadDestination {
  const { output = '.', selected, seedRatio: ratio, seedTime: time } = options
  const sharing = isShared(options)
  const chosen = selected ? { select: (index: number) => selected.has(index) } : {}
  const content = directoryContent(metainfo, {
    ...{ ...chosen, output, locks: sharedLocks() },
    ...pick(options, 'reuse'),
    record: recordPathOf(metainfo.infoHash, output),
  })
  torrent.begin({ ...chosen, ...content, ...pick(options, 'sequential') }, metainfo)
  const digests = new Map<string, string>()
  return {
    digests,
    async transfer() {
      const hashed = options.digest ? hashFiles(torrent, selected, digests) : undefined
      await Promise.all([torrent.done, hashed])
    },
    async share() {
      if (!sharing) return
      await share(torrent, pick({ ratio, time }, 'ratio', 'time'))
      await torrent.confirm()
    },
  }
}

/** Hashes each file soon after it is written, while it is still in the system's cache. */
async function hashFiles(
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
