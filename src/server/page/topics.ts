import type { JsonObject } from '../../codec/merge-patch.ts'
import type { Clock } from '../../ports/clock.ts'
import type { PageTorrents } from './page-torrents.ts'
import type { Previews } from './previews.ts'
import type { Topic } from './topic.ts'
import { FilesTopic } from './torrent/files-topic.ts'
import { PeersTopic } from './torrent/peers-topic.ts'
import { TorrentTopic } from './torrent/torrent-topic.ts'
import { WallTimes } from './torrent/wall-times.ts'

/** The objects that topics describe. */
export interface TopicContext {
  readonly torrents: PageTorrents
  readonly previews: Previews | undefined
  readonly clock: Clock
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/**
 * Opens a topic: `list`, `client`, `preview:ID`, or one of a torrent: `torrent:INFOHASH`, `peers:INFOHASH`, `files:INFOHASH`.
 * One that does not exist describes itself as undefined.
 */
export function openTopic(topic: string, { clock, now, previews, torrents }: TopicContext): Topic {
  const [kind, key = ''] = topic.split(':', 2)
  const find = () => torrents.get(key)
  if (kind === 'torrent') return new TorrentTopic(find, clock, new WallTimes(clock, now))
  if (kind === 'peers') return new PeersTopic(find, new WallTimes(clock, now))
  if (kind === 'files') return new FilesTopic(find)
  if (kind === 'list') return topicOf(() => torrents.describe())
  if (kind === 'client') return topicOf(() => ({ client: torrents.describe().client }))
  return topicOf(() => (kind === 'preview' ? previews?.describe(key) : undefined))
}

/** A topic without a state of its own. */
function topicOf(describe: () => JsonObject | undefined): Topic {
  return { describe, close() {} }
}
