import { useState } from 'preact/hooks'
import type { TorrentDocument } from '../../server/page/torrent-documents.ts'
import { formatBytes, formatDuration, formatPart, formatRate, formatRatio } from '../format.ts'
import { describeState } from '../list/describe-state.ts'
import { RemoveDialog } from '../list/remove-dialog.tsx'
import { TorrentLimitsDialog } from '../list/torrent-limits-dialog.tsx'
import { partOf } from '../list/torrent-row.ts'
import { serverUrlOf } from '../live/urls.ts'
import { useAllowed } from '../live/use-live.ts'
import { Icon } from '../parts/icon.tsx'
import { ProgressBar } from '../parts/progress-bar.tsx'
import { useAct } from '../parts/use-act.ts'
import { torrentUrlOf } from '../router.ts'
import { CopyButton } from './copy-button.tsx'

const STOPPED_STATUSES = ['stopped', 'finished', 'failed']

/** The name of a torrent, its state, and the actions on it. The overview explains a wait itself. */
export function TorrentHeader({
  document,
  infoHash,
  isOverview,
}: {
  document: TorrentDocument
  infoHash: string
  isOverview: boolean
}) {
  const { facts, magnet, torrent } = document
  const { tone, words } = describeState(torrent, isOverview && document.why !== undefined)
  const part = partOf(torrent)
  return (
    <header class="torrent-header">
      <a class="back" href="#/">
        <Icon name="back" />
        All torrents
      </a>
      <h1>
        <bdi>{torrent.name}</bdi>
      </h1>
      <div class="torrent-actions" role="toolbar" aria-label="This torrent">
        {facts?.media !== undefined && torrent.isReadable && (
          <a class="button is-primary" href={torrentUrlOf(infoHash, 'play', ...facts.media.split('/'))}>
            <Icon name="play" />
            Play
          </a>
        )}
        <SessionActions document={document} infoHash={infoHash} />
        <CopyButton text={magnet} name="Magnet link" />
        {facts && (
          <a class="button" href={serverUrlOf(`page/metainfo/${infoHash}`)} download>
            <Icon name="down" />
            .torrent
          </a>
        )}
      </div>
      <ProgressBar label="Progress" part={part} tone={tone} />
      <dl class="figures">
        <div class="is-state">
          <dt class="hidden-text">State</dt>
          <dd class={`words is-${tone}`}>{words}</dd>
        </div>
        <Figure name="Done" value={describePart(document, part)} />
        <Figure name="Download" value={formatRate(torrent.down) || '0 B/s'} />
        <Figure name="Upload" value={formatRate(torrent.up) || '0 B/s'} />
        {torrent.eta !== undefined && <Figure name="Left" value={formatDuration(torrent.eta)} />}
        <Figure name="Ratio" value={formatRatio(torrent.ratio)} />
      </dl>
    </header>
  )
}

function Figure({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function describePart({ torrent }: TorrentDocument, part: number | undefined): string {
  if (torrent.size === undefined || part === undefined) return 'size unknown'
  if (torrent.wanted === 0) return `0 B of ${formatBytes(torrent.size)}`
  return `${formatPart(part)} of ${formatBytes(torrent.wanted)}`
}

/** The actions that need a session. */
function SessionActions({
  document: { torrent },
  infoHash,
}: {
  document: TorrentDocument
  infoHash: string
}) {
  const act = useAct()
  const isAllowed = useAllowed()
  const [dialog, setDialog] = useState<'limits' | 'remove'>()
  const torrents = [infoHash]
  const rows = [{ infoHash, torrent }]
  const close = () => setDialog(undefined)
  if (!isAllowed('start')) return null
  return (
    <>
      {STOPPED_STATUSES.includes(torrent.status) ? (
        <button type="button" class="button is-primary" onClick={() => void act('start', { torrents })}>
          <Icon name="play" />
          Resume
        </button>
      ) : (
        <button type="button" class="button" onClick={() => void act('stop', { torrents })}>
          <Icon name="pause" />
          Pause
        </button>
      )}
      <button type="button" class="button" onClick={() => setDialog('limits')}>
        <Icon name="gauge" />
        Limits
      </button>
      <button type="button" class="button" onClick={() => void act('recheck', { torrents })}>
        <Icon name="recheck" />
        Check files
      </button>
      <button type="button" class="button" onClick={() => setDialog('remove')}>
        <Icon name="remove" />
        Remove
      </button>
      {dialog === 'limits' && <TorrentLimitsDialog rows={rows} onClose={close} />}
      {dialog === 'remove' && (
        <RemoveDialog
          rows={rows}
          onClose={close}
          onRemoved={() => {
            location.hash = '#/'
          }}
        />
      )}
    </>
  )
}
