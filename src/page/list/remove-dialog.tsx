import { useState } from 'preact/hooks'
import { formatBytes, formatCount } from '../format.ts'
import { FormDialog } from '../parts/form-dialog.tsx'
import { useNotify } from '../parts/notices.tsx'
import { useAct } from '../parts/use-act.ts'
import type { TorrentRow } from './torrent-row.ts'

/** Names that are listed. */
const MAX_NAMES = 5

/** Asks before torrents are removed. Their data stays unless the user says otherwise. */
export function RemoveDialog({
  onClose,
  onRemoved,
  rows: given,
}: {
  onClose: () => void
  onRemoved?: () => void
  rows: readonly TorrentRow[]
}) {
  // the torrents that the user has confirmed are removed, even if the selection changes meanwhile
  const [rows] = useState(given)
  const [withData, setWithData] = useState(false)
  const [isBusy, setBusy] = useState(false)
  const act = useAct()
  const notify = useNotify()
  const bytes = rows.reduce((sum, { torrent }) => sum + torrent.verified, 0)
  const remove = async () => {
    setBusy(true)
    const torrents = rows.map(({ infoHash }) => infoHash)
    const done = await act('remove', { torrents, withData })
    setBusy(false)
    if (!done) return
    notify(`Removed ${formatCount(rows.length, 'torrent')}${withData ? ' and the data' : ''}`)
    onClose()
    onRemoved?.()
  }
  return (
    <FormDialog
      title={`Remove ${formatCount(rows.length, 'torrent')}?`}
      submitText={withData ? 'Remove and delete files' : 'Remove'}
      isDanger={withData}
      isBusy={isBusy}
      onClose={onClose}
      onSubmit={remove}
    >
      <ul class="name-list">
        {rows.slice(0, MAX_NAMES).map(({ infoHash, torrent }) => (
          <li key={infoHash}>
            <bdi>{torrent.name}</bdi>
          </li>
        ))}
        {rows.length > MAX_NAMES && <li class="muted">and {rows.length - MAX_NAMES} more</li>}
      </ul>
      <label class="check-line">
        <input
          type="checkbox"
          checked={withData}
          onChange={event => setWithData(event.currentTarget.checked)}
        />
        Delete the downloaded files as well ({formatBytes(bytes)})
      </label>
      <p class={withData ? 'danger-text' : 'muted'} role="status">
        {withData
          ? 'The files are deleted from the disk. This cannot be undone.'
          : 'The files stay on the disk.'}
      </p>
    </FormDialog>
  )
}
