import { useRef } from 'preact/hooks'
import { formatCount } from '../format.ts'
import { Dialog } from '../parts/dialog.tsx'
import { type RateLimit, RateLimitField } from '../parts/rate-limit-fields.tsx'
import { useAct } from '../parts/use-act.ts'
import type { TorrentRow } from './torrent-row.ts'

/** Changes the rate limits of torrents. Each of them gets these limits. */
export function TorrentLimitsDialog({ onClose, rows }: { onClose: () => void; rows: readonly TorrentRow[] }) {
  const act = useAct()
  const changes = useRef<{ down?: RateLimit; up?: RateLimit }>({})
  const first = rows[0]?.torrent
  const save = async () => {
    const torrents = rows.map(({ infoHash }) => infoHash)
    const { down, up } = changes.current
    if ((down || up) && !(await act('set', { torrents, options: changes.current }))) return
    onClose()
  }
  return (
    <Dialog title={`Limits of ${formatCount(rows.length, 'torrent')}`} onClose={onClose}>
      <form
        class="form"
        onSubmit={event => {
          event.preventDefault()
          void save()
        }}
      >
        <RateLimitField
          label="Limit downloads"
          initial={first?.downLimit}
          onChange={down => {
            changes.current = { ...changes.current, down }
          }}
        />
        <RateLimitField
          label="Limit uploads"
          initial={first?.upLimit}
          onChange={up => {
            changes.current = { ...changes.current, up }
          }}
        />
        {rows.length > 1 && <p class="muted">Each of the torrents gets the limits that you change.</p>}
        <footer class="dialog-footer">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button is-primary">
            Save
          </button>
        </footer>
      </form>
    </Dialog>
  )
}
