import type { JsonObject } from '../../codec/merge-patch.ts'
import type { PageTorrents } from './page-torrents.ts'
import type { Previews } from './previews.ts'

/** What topics describe. */
export interface TopicContext {
  readonly torrents: PageTorrents
  readonly previews: Previews | undefined
}

/** Describes a topic as it is now: `list`, `client`, `preview:ID`. Returns undefined for one that does not exist. */
export function describeTopic(topic: string, { previews, torrents }: TopicContext): JsonObject | undefined {
  const [kind, key = ''] = topic.split(':', 2)
  if (kind === 'list') return torrents.describe()
  if (kind === 'client') return { client: torrents.describe().client }
  if (kind === 'preview') return previews?.describe(key)
  return undefined
}
