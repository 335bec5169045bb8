import { formatCount } from '../format.ts'
import { LimitsDialog } from '../parts/limits-dialog.tsx'
import { useAct } from '../parts/use-act.ts'
import type { TorrentRow } from './torrent-row.ts'

/** Changes the rate limits of torrents. Each of them gets these limits. */
export function TorrentLimitsDialog({ onClose, rows }: { onClose: () => void; rows: readonly TorrentRow[] }) {
  const act = useAct()
  return (
    <LimitsDialog
      title={`Limits of ${formatCount(rows.length, 'torrent')}`}
      initial={rows[0]?.torrent}
      onClose={onClose}
      onSave={options => act('set', { torrents: rows.map(({ infoHash }) => infoHash), options })}
    >
      {rows.length > 1 && <p class="muted">Each of the torrents gets the limits that you change.</p>}
    </LimitsDialog>
  )
}
