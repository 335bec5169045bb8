import { formatBytes, formatCount } from '../format.ts'
import { useAllowed } from '../live/use-live.ts'
import { Icon, type IconName } from '../parts/icon.tsx'
import { useAct } from '../parts/use-act.ts'
import type { TorrentRow } from './torrent-row.ts'

/** Dialogs about the selected torrents. */
export type SelectionDialog = 'labels' | 'limits' | 'remove'

/** The actions on the selected torrents. */
export function SelectionBar({
  onClear,
  onDialog,
  rows,
}: {
  onClear: () => void
  onDialog: (dialog: SelectionDialog) => void
  rows: readonly TorrentRow[]
}) {
  const act = useAct()
  const isAllowed = useAllowed()
  const torrents = rows.map(({ infoHash }) => infoHash)
  const size = rows.reduce((sum, { torrent }) => sum + (torrent.size ?? 0), 0)
  const canStart = rows.some(({ torrent: { status } }) => ['stopped', 'finished', 'failed'].includes(status))
  const canStop = rows.some(({ torrent: { status } }) => !['stopped', 'finished', 'failed'].includes(status))
  return (
    <div class="toolbar is-selection" role="toolbar" aria-label="Selected torrents">
      <button type="button" class="icon-button" aria-label="Clear the selection" onClick={onClear}>
        <Icon name="close" />
      </button>
      <span class="selection-count" role="status">
        {rows.length.toLocaleString('en')} selected
        <span class="muted selection-size">, {formatBytes(size)}</span>
      </span>
      {canStart && <ToolButton icon="play" title="Resume" onClick={() => void act('start', { torrents })} />}
      {canStop && <ToolButton icon="pause" title="Pause" onClick={() => void act('stop', { torrents })} />}
      {isAllowed('set') && <ToolButton icon="gauge" title="Limits" onClick={() => onDialog('limits')} />}
      {isAllowed('label') && <ToolButton icon="label" title="Labels" onClick={() => onDialog('labels')} />}
      {isAllowed('recheck') && (
        <ToolButton icon="recheck" title="Check files" onClick={() => void act('recheck', { torrents })} />
      )}
      <ToolButton
        icon="remove"
        title="Remove"
        label={`Remove ${formatCount(rows.length, 'torrent')}`}
        onClick={() => onDialog('remove')}
      />
    </div>
  )
}

function ToolButton({
  icon,
  label,
  onClick,
  title,
}: {
  icon: IconName
  label?: string
  onClick: () => void
  title: string
}) {
  return (
    <button type="button" class="button is-tool" title={title} aria-label={label} onClick={onClick}>
      <Icon name={icon} />
      <span>{title}</span>
    </button>
  )
}
