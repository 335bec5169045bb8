import type { ListDocument } from '../../server/page/documents.ts'
import { useTopic } from '../live/use-live.ts'
import { torrentUrlOf } from '../router.ts'

/** The list of all torrents. */
export function ListView() {
  const document = useTopic<ListDocument>('list')
  if (!document || document === 'gone') return <main class="view" aria-busy="true" />
  const torrents = Object.entries(document.torrents)
  return (
    <main class="view">
      <h1>tsdl</h1>
      {torrents.length === 0 && <p>No torrents.</p>}
      <ul>
        {torrents.map(([infoHash, { name }]) => (
          <li key={infoHash}>
            <a href={torrentUrlOf(infoHash)}>
              <bdi>{name}</bdi>
            </a>
          </li>
        ))}
      </ul>
    </main>
  )
}
