import { Icon } from '../parts/icon.tsx'
import type { ListQuery } from './list-query.ts'

/** The text of a list without rows. */
export function EmptyList({
  hasTorrents,
  onAdd,
  onReset,
}: {
  hasTorrents: boolean
  onAdd: (() => void) | undefined
  onReset: (query: Partial<ListQuery>) => void
}) {
  if (hasTorrents)
    return (
      <div class="empty">
        <h2>No torrent matches</h2>
        <button
          type="button"
          class="button"
          onClick={() => onReset({ filter: 'all', label: undefined, search: '' })}
        >
          Show all torrents
        </button>
      </div>
    )
  return (
    <div class="empty">
      <h2>No torrents yet</h2>
      {onAdd && (
        <>
          <p class="muted">Paste a magnet link anywhere on this page, or drop a .torrent file on it.</p>
          <button type="button" class="button is-primary" onClick={onAdd}>
            <Icon name="add" />
            <span>Add torrent</span>
          </button>
        </>
      )}
    </div>
  )
}
