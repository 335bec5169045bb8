import { useRef, useState } from 'preact/hooks'
import type { ListedClient } from '../../server/page/documents.ts'
import { formatRate } from '../format.ts'
import { type ChangedLimits, LimitsDialog } from '../parts/limits-dialog.tsx'
import { useAct } from '../parts/use-act.ts'

/** Changes the rate limits of all torrents together, and switches the alternative ones (slow mode). */
export function ClientLimitsDialog({ client, onClose }: { client: ListedClient; onClose: () => void }) {
  const act = useAct()
  // the limits at the opening, since a change of another page must not change the fields
  const { isSlow = false, settings } = useRef(client).current
  const [slow, setSlow] = useState(isSlow)
  const save = (limits: ChangedLimits) =>
    act('settings', { ...limits, ...(slow === isSlow ? {} : { isSlow: slow }) })
  return (
    <LimitsDialog
      title="Limits of all torrents together"
      initial={settings}
      hasOtherChanges={slow !== isSlow}
      onClose={onClose}
      onSave={save}
    >
      {settings && (
        <div class="limit-field">
          <label>
            <input type="checkbox" checked={slow} onChange={event => setSlow(event.currentTarget.checked)} />
            Slow mode
          </label>
          <span class="muted">
            {formatRate(settings.slowDown) || '0 B/s'} down, {formatRate(settings.slowUp) || '0 B/s'} up
          </span>
        </div>
      )}
      <p class="muted">
        Slow mode replaces both limits until it is switched off. A single torrent can have limits of its own
        as well.
      </p>
    </LimitsDialog>
  )
}
