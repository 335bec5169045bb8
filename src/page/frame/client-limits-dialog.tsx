import { useRef } from 'preact/hooks'
import type { ListedClient } from '../../server/page/documents.ts'
import { Dialog } from '../parts/dialog.tsx'
import { type RateLimit, RateLimitField } from '../parts/rate-limit-fields.tsx'
import { useAct } from '../parts/use-act.ts'

/** Changes the rate limits of all torrents together. */
export function ClientLimitsDialog({ client, onClose }: { client: ListedClient; onClose: () => void }) {
  const act = useAct()
  const changes = useRef<{ down?: RateLimit; up?: RateLimit }>({})
  const save = async () => {
    // limits that the user sets hold at once, so the alternative ones end
    const { down, up } = changes.current
    if (down || up) {
      const settings = { ...changes.current, ...(client.isSlow ? { alternative: SLOW_OFF } : {}) }
      if (!(await act('settings', settings))) return
    }
    onClose()
  }
  return (
    <Dialog title="Limits of all torrents together" onClose={onClose}>
      <form
        class="form"
        onSubmit={event => {
          event.preventDefault()
          void save()
        }}
      >
        <RateLimitField
          label="Limit downloads"
          initial={client.downLimit}
          onChange={down => {
            changes.current = { ...changes.current, down }
          }}
        />
        <RateLimitField
          label="Limit uploads"
          initial={client.upLimit}
          onChange={up => {
            changes.current = { ...changes.current, up }
          }}
        />
        <p class="muted">A single torrent can have limits of its own as well.</p>
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

const SLOW_OFF = { enabled: false, down: 50_000, up: 50_000 }
