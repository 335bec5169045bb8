import type { PeerAddress } from '../codec/compact.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { download } from '../pipeline/download.ts'
import type { Listener } from '../pipeline/listener.ts'
import type { Served } from '../server/shelf.ts'
import { pick } from './pick.ts'
import { follow, type Reporter } from './reporter.ts'
import { recordOf } from './state.ts'

/** The options that concern the torrents, rather than HTTP. */
export interface ServingOptions {
  readonly output?: string
  readonly peer?: PeerAddress[]
  readonly tracker: boolean
  readonly maxPeers?: number
  readonly memory?: number
  readonly up?: number
  readonly down?: number
}

/** A torrent while it is served. */
export interface Serving extends Served {
  /** Never resolves; rejects with what ended it, other than `close`. */
  readonly failed: Promise<never>
  /** Says goodbye. Never rejects. */
  close(): Promise<void>
}

/** Starts a torrent whose files are to be served: from the directory, and what is not there yet from the swarm. */
export function openServing(
  metainfo: Metainfo,
  options: ServingOptions,
  reporter: Reporter,
  listener: Listener | undefined,
): Serving {
  const { output = '.', peer = [], tracker } = options
  const torrent = download(metainfo, {
    output,
    record: recordOf(metainfo.infoHash, output),
    peers: peer,
    trackers: tracker,
    share: true,
    ...pick(options, 'maxPeers', 'memory', 'up', 'down'),
    ...(listener ? { listener } : {}),
  })
  const stop = follow(torrent, reporter)
  return {
    metainfo,
    failed: new Promise((_, reject) => torrent.once('error', reject)),
    get progress() {
      return torrent.progress
    },
    read: (fileIndex, range) => torrent.read(fileIndex, range),
    async close() {
      stop()
      await torrent.close()
    },
  }
}
