import { directoryContent, type Metainfo, systemClock, type Torrent, WindowStorage } from '../index.ts'
import type { ServedTorrent } from '../server/index.ts'
import type { Reporter } from './reporter.ts'
import { recordPathOf, sharedLocks } from './state.ts'
import { TorrentMonitor } from './torrent-monitor.ts'

/** A torrent that is running and served. */
export interface Serving extends ServedTorrent {
  /** Rejects with the error that ended the torrent. Never resolves. */
  readonly failed: Promise<never>
  /** Closes the torrent. Never rejects. */
  close(): Promise<void>
}

/**
 * Begins a torrent that downloads only what is read. A directory keeps the data; without one it stays in memory while it
 * is read, and for a while after that.
 * @param keep bytes that stay in memory after they were read
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
          record: recordPathOf(metainfo.infoHash, output),
        })
  torrent.begin({ ...content, onDemand: true }, metainfo)
  const monitor = new TorrentMonitor(torrent, reporter, systemClock, { onDemand: true })
  return {
    metainfo,
    failed: new Promise((_, reject) => torrent.once('error', reject)),
    get progress() {
      return torrent.progress
    },
    read: (fileIndex, range) => torrent.files[fileIndex]!.stream(range),
    async close() {
      monitor.stop()
      await torrent.close()
    },
  }
}
