import type { ListedClient } from '../../server/page/documents.ts'
import { LimitsDialog } from '../parts/limits-dialog.tsx'
import { useAct } from '../parts/use-act.ts'

/** Changes the rate limits of all torrents together. */
export function ClientLimitsDialog({ client, onClose }: { client: ListedClient; onClose: () => void }) {
  const act = useAct()
  return (
    <LimitsDialog
      title="Limits of all torrents together"
      initial={client}
      onClose={onClose}
      // limits that the user sets hold at once, so the alternative ones end
      onSave={limits => act('settings', { ...limits, ...(client.isSlow ? { alternative: SLOW_OFF } : {}) })}
    >
      <p class="muted">A single torrent can have limits of its own as well.</p>
    </LimitsDialog>
  )
}

const SLOW_OFF = { enabled: false, down: 50_000, up: 50_000 }
