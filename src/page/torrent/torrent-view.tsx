import type { ListDocument } from '../../server/page/documents.ts'
import { useTopic } from '../live/use-live.ts'

/** One torrent. */
export function TorrentView({ infoHash }: { infoHash: string; rest: readonly string[] }) {
  const list = useTopic<ListDocument>('list')
  const torrent = list && list !== 'gone' ? list.torrents[infoHash] : undefined
  return (
    <main class="view">
      <a href="#/">All torrents</a>
      <h1>
        <bdi>{torrent?.name ?? infoHash}</bdi>
      </h1>
    </main>
  )
}
