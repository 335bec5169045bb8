import type { Metainfo } from '../metainfo/metainfo.ts'
import { pick } from '../pick.ts'
import { download } from '../pipeline/download.ts'
import { Torrent } from '../pipeline/torrent.ts'
import type { TorrentOptions } from '../pipeline/torrent-options.ts'
import type { ServedTorrent } from '../server/served-torrents.ts'
import { WindowStorage } from '../storage/window-storage.ts'
import { Follower } from './follower.ts'
import type { Reporter } from './reporter.ts'
import { recordOf, sharedLocks } from './state.ts'

/** The options of the torrents, without those of HTTP. */
export interface ServingOptions {
  readonly output?: string
  readonly webSeeds: boolean
  readonly webSeed?: string[]
  readonly maxPeers?: number
  readonly maxPeersPerAddress?: number
  readonly memory?: number
  readonly up?: number
  readonly down?: number
}

/** A torrent that is running and served. */
export interface Serving extends ServedTorrent {
  /** Never resolves; rejects with the error that ended the torrent. */
  readonly failed: Promise<never>
  /** Takes leave of trackers and peers, and closes it. Never rejects. */
  close(): Promise<void>
}

const MiB = 1 << 20
/** The share of memory for bytes that were read and may be read again: players seek back and forth. */
const KEEP_SHARE = 1 / 4

/**
 * Starts a torrent to be served. It fetches what is read, and nothing else. With a directory the bytes stay there;
 * otherwise they are held in memory while they are read, and for a while after that.
 * @param shared the options that all torrents of the run share
 */
export function openServing(
  metainfo: Metainfo,
  options: ServingOptions,
  reporter: Reporter,
  shared: Omit<TorrentOptions, 'storage'>,
): Serving {
  const { memory = 64 * MiB, output } = options
  const common = {
    webSeeds: options.webSeeds,
    ...(options.webSeed ? { webSeedUrls: options.webSeed } : {}),
    onDemand: true,
    share: true,
    ...pick(options, 'maxPeers', 'maxPeersPerAddress', 'memory', 'up', 'down'),
    ...shared,
  }
  const torrent =
    output === undefined
      ? new Torrent(metainfo, {
          ...common,
          storage: new WindowStorage({ keep: memory * KEEP_SHARE }),
        }).start()
      : download(metainfo, {
          ...common,
          output,
          record: recordOf(metainfo.infoHash, output),
          locks: sharedLocks(),
        })
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
