import type { Metainfo } from '../metainfo/metainfo.ts'
import { directoryContent } from '../pipeline/download.ts'
import type { Torrent } from '../pipeline/torrent.ts'
import type { ServedTorrent } from '../server/served-torrents.ts'
import { WindowStorage } from '../storage/window-storage.ts'
import { Follower } from './follower.ts'
import type { Reporter } from './reporter.ts'
import { recordOf, sharedLocks } from './state.ts'

/** A torrent that is running and served. */
export interface Serving extends ServedTorrent {
  /** Never resolves; rejects with the error that ended the torrent. */
  readonly failed: Promise<never>
  /** Takes leave of trackers and peers, and closes it. Never rejects. */
  close(): Promise<void>
}

/**
 * Begins a torrent to be served. It fetches what is read, and nothing else. With a directory the bytes stay there;
 * otherwise they are held in memory while they are read, and for a while after that.
 * @param keep bytes that are held in memory after they were read
 */
export function openServing(
  torrent: Torrent,
  metainfo: Metainfo,
  { output, keep }: { readonly output: string | undefined; readonly keep: number },
  reporter: Reporter,
): Serving {
  const content =
    output === undefined
      ? { storage: new WindowStorage({ keep }) }
      : directoryContent(metainfo, {
          ...{ output, locks: sharedLocks() },
          record: recordOf(metainfo.infoHash, output),
        })
  torrent.begin({ ...content, onDemand: true }, metainfo)
  const follower = new Follower(torrent, reporter)
  return {
    metainfo,
    failed: new Promise((_, reject) => torrent.once('error', reject)),
    get progress() {
      return torrent.progress
    },
    read: (fileIndex, range) => torrent.files[fileIndex]!.stream(range),
    async close() {
      follower.stop()
      await torrent.close()
    },
  }
}
