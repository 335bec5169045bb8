import { useState } from 'preact/hooks'
import type { ListDocument } from '../server/page/documents.ts'
import { AddDialog } from './add/add-dialog.tsx'
import type { GivenTorrents } from './add/given-torrents.ts'
import { useGivenTorrents } from './add/use-given-torrents.ts'
import { TopBar } from './frame/top-bar.tsx'
import { ListView } from './list/list-view.tsx'
import { useAllowed, useTopic } from './live/use-live.ts'
import { ConnectionNotice } from './parts/connection-notice.tsx'
import { Notices } from './parts/notices.tsx'
import { useRoute } from './router.ts'
import { TorrentView } from './torrent/torrent-view.tsx'

/** The whole page: the bar for all torrents, the view that the URL names, and the dialog that adds torrents. */
export function App() {
  const { infoHash, rest, view } = useRoute()
  // one torrent needs no list
  const document = useTopic<Pick<ListDocument, 'client'>>(view === 'list' ? 'list' : 'client')
  const [given, setGiven] = useState<GivenTorrents>()
  const canAdd = useAllowed()('add')
  const isDropping = useGivenTorrents(canAdd, setGiven)
  const client = document && document !== 'gone' ? document.client : undefined
  const add = () => setGiven({ files: [], links: [] })
  return (
    <Notices>
      <ConnectionNotice />
      <TopBar client={client} onAdd={add} />
      {view === 'torrent' ? (
        <TorrentView key={infoHash} infoHash={infoHash} rest={rest} />
      ) : (
        <ListView onAdd={canAdd ? add : undefined} />
      )}
      {given && <AddDialog given={given} client={client} onClose={() => setGiven(undefined)} />}
      {isDropping && <div class="drop-target">Drop .torrent files or a magnet link to add them</div>}
    </Notices>
  )
}
