import { useState } from 'preact/hooks'
import type { ListedClient } from '../../server/page/documents.ts'
import { formatBytes, formatCount, formatRate } from '../format.ts'
import { useAllowed } from '../live/use-live.ts'
import { Icon } from '../parts/icon.tsx'
import { ClientLimitsDialog } from './client-limits-dialog.tsx'

/** The head of each view: the rates and limits of all torrents together, and the button that adds one. */
export function TopBar({ client, onAdd }: { client: ListedClient | undefined; onAdd: () => void }) {
  const [isLimiting, setLimiting] = useState(false)
  const isAllowed = useAllowed()
  return (
    <header class="top-bar">
      <a class="brand" href="#/">
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M3 5h18M12 5v9m-5-4.500 5 5 5-5M4 20h16" />
        </svg>
        tsdl
      </a>
      {client && (
        <ClientTotals client={client} onLimit={isAllowed('settings') ? () => setLimiting(true) : undefined} />
      )}
      {isAllowed('add') && (
        <button type="button" class="button is-primary" onClick={onAdd}>
          <Icon name="add" />
          <span>Add torrent</span>
        </button>
      )}
      {client && isLimiting && <ClientLimitsDialog client={client} onClose={() => setLimiting(false)} />}
    </header>
  )
}

function ClientTotals({ client, onLimit }: { client: ListedClient; onLimit: (() => void) | undefined }) {
  const { down, downLimit, downloaded, free, isSlow, peers, up, uploaded, upLimit } = client
  const content = (
    <>
      <Rate icon="down" name="Download" rate={down} limit={downLimit} />
      <Rate icon="up" name="Upload" rate={up} limit={upLimit} />
    </>
  )
  const all = `${formatBytes(downloaded)} received and ${formatBytes(uploaded)} sent in all`
  return (
    <div class="totals">
      {onLimit ? (
        <button type="button" class="rates" title={`Limits. ${all}`} onClick={onLimit}>
          {content}
          <span class="hidden-text">, change limits</span>
          {isSlow && <span class="badge">slow</span>}
        </button>
      ) : (
        <div class="rates" title={all}>
          {content}
        </div>
      )}
      <span class="fact">{formatCount(peers, 'peer')}</span>
      {free !== undefined && <span class="fact is-wide">{formatBytes(free)} free</span>}
    </div>
  )
}

function Rate({
  icon,
  limit,
  name,
  rate,
}: {
  icon: 'down' | 'up'
  limit: number | undefined
  name: string
  rate: number
}) {
  return (
    <span class={`rate is-${icon}`}>
      <Icon name={icon} />
      <span class="hidden-text">{name} </span>
      <span class="rate-value">{formatRate(rate) || '0 B/s'}</span>
      {limit !== undefined && <span class="rate-limit">of {formatRate(limit)}</span>}
    </span>
  )
}
