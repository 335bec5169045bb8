import { useEffect, useMemo, useState } from 'preact/hooks'
import type { ListDocument } from '../../server/page/documents.ts'
import { useAllowed, useTopic } from '../live/use-live.ts'
import { EmptyList } from './empty-list.tsx'
import { Filters } from './filters.tsx'
import { LabelsDialog } from './labels-dialog.tsx'
import { countRows, queryRows } from './list-query.ts'
import { NameOrder } from './name-order.ts'
import { RemoveDialog } from './remove-dialog.tsx'
import { keepPresent, NO_SELECTION } from './selection.ts'
import { SelectionBar, type SelectionDialog } from './selection-bar.tsx'
import { Toolbar } from './toolbar.tsx'
import { TorrentGrid } from './torrent-grid.tsx'
import { TorrentLimitsDialog } from './torrent-limits-dialog.tsx'
import { useListQuery } from './use-list-query.ts'

/** The list of all torrents. */
export function ListView({ onAdd }: { onAdd: (() => void) | undefined }) {
  const document = useTopic<ListDocument>('list')
  const torrents = document && document !== 'gone' ? document.torrents : undefined
  const [query, changeQuery] = useListQuery()
  const [given, setSelection] = useState(NO_SELECTION)
  const [dialog, setDialog] = useState<SelectionDialog>()
  const canSelect = useAllowed()('stop')
  const names = useMemo(() => new NameOrder(), [])
  const rows = useMemo(() => queryRows(torrents ?? {}, query, names), [torrents, query])
  const counts = useMemo(() => countRows(torrents ?? {}), [torrents])
  const selection = torrents ? keepPresent(given, infoHash => infoHash in torrents) : given
  useEffect(() => {
    window.document.title = 'tsdl'
  }, [])
  if (counts.filters.all === 0 && torrents)
    return (
      <main class="view list-main" aria-label="Torrents">
        <EmptyList hasTorrents={false} onAdd={onAdd} onReset={changeQuery} />
      </main>
    )
  if (!torrents) return <main class="view" aria-busy="true" aria-label="Torrents" />
  const chosen = [...selection.chosen].flatMap(infoHash => {
    const torrent = torrents[infoHash]
    return torrent ? [{ infoHash, torrent }] : []
  })
  const closeDialog = () => setDialog(undefined)
  return (
    <div class="view list-view">
      <Filters counts={counts} query={query} onChange={changeQuery} />
      <main class="list-main" aria-label="Torrents">
        <h1 class="hidden-text">Torrents</h1>
        {chosen.length > 0 ? (
          <SelectionBar rows={chosen} onDialog={setDialog} onClear={() => setSelection(NO_SELECTION)} />
        ) : (
          <Toolbar count={rows.length} query={query} onChange={changeQuery} />
        )}
        {rows.length > 0 ? (
          <TorrentGrid
            rows={rows}
            query={query}
            selection={canSelect ? selection : undefined}
            onQuery={changeQuery}
            onSelect={setSelection}
            onRemove={() => setDialog('remove')}
          />
        ) : (
          <EmptyList hasTorrents onAdd={onAdd} onReset={changeQuery} />
        )}
      </main>
      {chosen.length > 0 && dialog === 'remove' && <RemoveDialog rows={chosen} onClose={closeDialog} />}
      {chosen.length > 0 && dialog === 'labels' && (
        <LabelsDialog rows={chosen} known={counts.labels.map(([label]) => label)} onClose={closeDialog} />
      )}
      {chosen.length > 0 && dialog === 'limits' && (
        <TorrentLimitsDialog rows={chosen} onClose={closeDialog} />
      )}
    </div>
  )
}
