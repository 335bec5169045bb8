import type { TorrentState } from '../../pipeline/torrent/torrent-events.ts'
import type { TorrentRecord } from '../records/torrent-record.ts'
import type { TorrentJob } from './torrent-jobs.ts'

/**
 * What a torrent of a session does. `queued`: it waits for a place in the queue. `metadata`: it fetches the metadata of a
 * magnet link. `waiting`: its files are checked after those of others.
 */
export type SessionTorrentStatus =
  | 'stopped'
  | 'queued'
  | 'waiting'
  | 'checking'
  | 'metadata'
  | 'downloading'
  | 'seeding'

/** Returns the status of a torrent. @param state of its run, if it runs */
export function sessionStatusOf(
  job: TorrentJob | undefined,
  state: TorrentState | undefined,
  intent: TorrentRecord['intent'],
): SessionTorrentStatus {
  if (job === 'waiting' || job === 'checking') return job
  if (state === 'metadata' || state === 'checking' || state === 'downloading' || state === 'seeding')
    return state
  return intent === 'stopped' ? 'stopped' : 'queued'
}
