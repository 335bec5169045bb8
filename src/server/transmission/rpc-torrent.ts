import type { Peer } from '../../pipeline/peer/peer.ts'
import type { SessionFile } from '../../session/files/torrent-files.ts'
import type { TorrentFacts } from '../../session/records/torrent-facts.ts'
import type { SessionTorrent } from '../../session/session-torrent.ts'
import type { SessionProgress } from '../../session/torrent/torrent-progress.ts'

/** The state of one torrent for a reply, read once. */
export interface RpcTorrent {
  readonly torrent: SessionTorrent
  readonly record: SessionTorrent['record']
  readonly progress: SessionProgress
  readonly peers: readonly Peer[]
  /** Its place in the queue, from 0. */
  readonly position: number
  readonly facts: TorrentFacts
  /** Its files; none while they are not known, or if the reply does not need them. */
  readonly files: readonly SessionFile[]
}

/** The trackers of a torrent: its own, or those that the user set. */
export function trackersOf({
  record,
  facts,
}: Pick<RpcTorrent, 'record' | 'facts'>): readonly (readonly string[])[] {
  return record.trackers ?? facts.trackers
}
