import type { JsonObject } from '../../codec/merge-patch.ts'
import type { PageTorrents } from './page-torrents.ts'

/** Describes a topic as it is now: `list`. Returns undefined for a topic that does not exist. */
export function describeTopic(topic: string, torrents: PageTorrents): JsonObject | undefined {
  return topic === 'list' ? torrents.describe() : undefined
}
