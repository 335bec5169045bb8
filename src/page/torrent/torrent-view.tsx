import type { TorrentDocument } from '../../server/page/torrent-documents.ts'
import { useTopic } from '../live/use-live.ts'
import { PlayerView } from '../player/player-view.tsx'
import { torrentUrlOf } from '../router.ts'
import { FilesTab } from './files-tab.tsx'
import { OverviewTab } from './overview-tab.tsx'
import { PeersTab } from './peers-tab.tsx'
import { SourcesTab } from './sources-tab.tsx'
import { TorrentHeader } from './torrent-header.tsx'
import { useTitle } from './use-title.ts'

const VIEW_TABS = [
  ['overview', 'Overview'],
  ['files', 'Files'],
  ['peers', 'Peers'],
  ['sources', 'Trackers'],
] as const
type TabName = (typeof VIEW_TABS)[number][0]

/** One torrent: its state, and a tab of it; or the player of one of its files. */
export function TorrentView({ infoHash, rest }: { infoHash: string; rest: readonly string[] }) {
  const document = useTopic<TorrentDocument>(`torrent:${infoHash}`)
  const known = document && document !== 'gone' ? document : undefined
  const [first = 'overview', ...path] = rest
  useTitle(first === 'play' ? path.at(-1) : known?.torrent.name)
  if (document === 'gone') return <GoneTorrent />
  if (!known) return <main class="view" aria-busy="true" />
  if (first === 'play') return <PlayerView document={known} infoHash={infoHash} path={path.join('/')} />
  const tab = VIEW_TABS.some(([name]) => name === first) ? (first as TabName) : 'overview'
  return (
    <main class="view torrent-view">
      <TorrentHeader document={known} infoHash={infoHash} isOverview={tab === 'overview'} />
      <nav class="tabs" aria-label="Parts of the torrent">
        {VIEW_TABS.map(([name, words]) => (
          <a key={name} href={torrentUrlOf(infoHash, name)} aria-current={name === tab ? 'page' : undefined}>
            {words}
            {name === 'peers' && known.torrent.peers > 0 && (
              <span class="tab-count">{known.torrent.peers}</span>
            )}
            {name === 'files' && known.facts && (
              <span class="tab-count">{known.facts.files.toLocaleString('en')}</span>
            )}
          </a>
        ))}
      </nav>
      {tab === 'overview' && <OverviewTab document={known} />}
      {tab === 'files' && <FilesTab infoHash={infoHash} torrent={known.torrent} />}
      {tab === 'peers' && <PeersTab infoHash={infoHash} outcomes={known.outcomes} />}
      {tab === 'sources' && <SourcesTab document={known} />}
    </main>
  )
}

function GoneTorrent() {
  return (
    <main class="view torrent-view">
      <div class="nothing">
        <h1>This torrent is not here</h1>
        <p class="muted">It was removed, or the link is one of another machine.</p>
        <a class="button" href="#/">
          All torrents
        </a>
      </div>
    </main>
  )
}
