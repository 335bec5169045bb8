import { ListView } from './list/list-view.tsx'
import { ConnectionNotice } from './parts/connection-notice.tsx'
import { Notices } from './parts/notices.tsx'
import { useRoute } from './router.ts'
import { TorrentView } from './torrent/torrent-view.tsx'

/** The whole page: the view that the address names, and notices above it. */
export function App() {
  const { infoHash, rest, view } = useRoute()
  return (
    <Notices>
      <ConnectionNotice />
      {view === 'torrent' ? <TorrentView key={infoHash} infoHash={infoHash} rest={rest} /> : <ListView />}
    </Notices>
  )
}
