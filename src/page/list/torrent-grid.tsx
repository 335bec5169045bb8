import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { torrentUrlOf } from '../router.ts'
import { GridHeader } from './grid-header.tsx'
import type { ListQuery } from './list-query.ts'
import { extendTo, NO_SELECTION, type RowSelection, selectAll, toggle } from './selection.ts'
import { TorrentLine } from './torrent-line.tsx'
import type { TorrentRow } from './torrent-row.ts'
import { useWindow } from './use-window.ts'

/** The rows of the list. Those that are in sight are in the document, so ten thousand scroll as ten. */
export function TorrentGrid({
  onQuery,
  onRemove,
  onSelect,
  query,
  rows,
  selection,
}: {
  onQuery: (changes: Partial<ListQuery>) => void
  onRemove: () => void
  onSelect: (selection: RowSelection) => void
  query: ListQuery
  rows: readonly TorrentRow[]
  /** Undefined if torrents cannot be selected. */
  selection: RowSelection | undefined
}) {
  const scroller = useRef<HTMLDivElement>(null)
  const { first, last, rowHeight } = useWindow(scroller, rows.length)
  const [active, setActive] = useState<string>()
  const mustFocus = useRef(false)
  const order = useMemo(() => rows.map(({ infoHash }) => infoHash), [rows])
  const found = active === undefined ? -1 : order.indexOf(active)
  const lastIndex = useRef(0)
  if (found >= 0) lastIndex.current = found
  const activeIndex = found >= 0 ? found : Math.min(lastIndex.current, rows.length - 1)

  const goTo = (index: number, isExtending: boolean) => {
    const to = Math.min(rows.length - 1, Math.max(0, index))
    const infoHash = order[to]!
    mustFocus.current = true
    setActive(infoHash)
    if (isExtending && selection) {
      const from = selection.anchor === undefined ? { ...selection, anchor: order[activeIndex] } : selection
      onSelect(extendTo(from, order, infoHash))
    }
    const box = scroller.current!
    const top = to * rowHeight
    const viewHeight = box.clientHeight - HEADER_HEIGHT
    if (top < box.scrollTop) box.scrollTop = top
    else if (top + rowHeight > box.scrollTop + viewHeight) box.scrollTop = top + rowHeight - viewHeight
  }

  // the row is in the document only after it was scrolled to
  useLayoutEffect(() => {
    // after the row with the focus was removed, the row in its place gets it
    const isLost = active !== undefined && found < 0 && document.activeElement === document.body
    if (!mustFocus.current && !isLost) return
    const row = scroller.current?.querySelector<HTMLElement>('.row[tabindex="0"]')
    if (!row) return
    mustFocus.current = false
    row.focus({ preventScroll: true })
  })
  useEffect(() => {
    scroller.current?.scrollTo(0, 0)
  }, [query.filter, query.label, query.search])

  const onKeyDown = (event: KeyboardEvent) => {
    if (!(event.target as Element).closest('.row')) return
    const page = Math.max(1, Math.floor((scroller.current!.clientHeight - HEADER_HEIGHT) / rowHeight) - 1)
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -rows.length,
      End: rows.length,
    }
    const step = steps[event.key]
    const infoHash = order[activeIndex]!
    if (step !== undefined) goTo(activeIndex + step, event.shiftKey)
    else if (event.key === 'Enter') location.hash = torrentUrlOf(infoHash)
    else if (!selection) return
    else if (event.key === ' ') onSelect(toggle(selection, infoHash))
    else if (event.key === 'a' && (event.ctrlKey || event.metaKey)) onSelect(selectAll(order))
    else if (event.key === 'Escape') onSelect(NO_SELECTION)
    else if (event.key === 'Delete') {
      if (selection.chosen.size === 0) onSelect(toggle(selection, infoHash))
      onRemove()
    } else return
    event.preventDefault()
  }

  const size = selection?.chosen.size ?? 0
  const all = selection && (size === 0 ? 'none' : size >= rows.length ? 'all' : 'some')
  const shown: { index: number; row: TorrentRow }[] = []
  for (let index = first; index <= last; index++) shown.push({ index, row: rows[index]! })
  // the row that has the focus stays, or the focus would be lost
  if (activeIndex < first || activeIndex > last) shown.push({ index: activeIndex, row: rows[activeIndex]! })
  return (
    <div
      ref={scroller}
      class={selection ? 'grid' : 'grid has-no-selection'}
      role="grid"
      aria-label="Torrents"
      aria-rowcount={rows.length + 1}
      aria-multiselectable={selection !== undefined}
      onKeyDown={onKeyDown}
    >
      <GridHeader
        all={all}
        query={query}
        onQuery={onQuery}
        onAll={() => onSelect(all === 'all' ? NO_SELECTION : selectAll(order))}
      />
      <div class="rows" role="rowgroup" style={{ height: `${rows.length * rowHeight}px` }}>
        {shown.map(({ index, row }) => (
          <TorrentLine
            key={row.infoHash}
            index={index}
            row={row}
            top={index * rowHeight}
            isActive={index === activeIndex}
            isSelected={selection?.chosen.has(row.infoHash)}
            onFocus={() => setActive(row.infoHash)}
            onToggle={isRange =>
              selection &&
              onSelect(isRange ? extendTo(selection, order, row.infoHash) : toggle(selection, row.infoHash))
            }
          />
        ))}
      </div>
    </div>
  )
}

/** The height of the names of the columns, which stay at the top. */
const HEADER_HEIGHT = 36
