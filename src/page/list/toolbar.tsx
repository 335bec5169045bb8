import { formatCount } from '../format.ts'
import { Icon } from '../parts/icon.tsx'
import { LIST_COLUMNS } from './columns.ts'
import type { ListQuery, SortKey } from './list-query.ts'

/** Searches the list; on a narrow screen it sorts it as well. */
export function Toolbar({
  count,
  onChange,
  query,
}: {
  count: number
  onChange: (changes: Partial<ListQuery>) => void
  query: ListQuery
}) {
  return (
    <div class="toolbar" role="search">
      <label class="search">
        <Icon name="search" />
        <input
          type="search"
          placeholder="Search by name"
          aria-label="Search by name"
          value={query.search}
          onInput={event => onChange({ search: event.currentTarget.value })}
        />
      </label>
      <label class="sort-choice">
        <span class="hidden-text">Sort by</span>
        <select
          value={query.sort}
          onChange={event => {
            const sort = event.currentTarget.value as SortKey
            onChange({ sort, isDescending: LIST_COLUMNS.find(({ key }) => key === sort)!.isDescendingFirst })
          }}
        >
          {LIST_COLUMNS.map(({ key, title }) => (
            <option key={key} value={key}>
              {title}
            </option>
          ))}
        </select>
        <button
          type="button"
          class="icon-button"
          aria-label={query.isDescending ? 'Descending; sort ascending' : 'Ascending; sort descending'}
          onClick={() => onChange({ isDescending: !query.isDescending })}
        >
          <Icon name={query.isDescending ? 'down' : 'up'} />
        </button>
      </label>
      <span class="toolbar-count muted">{formatCount(count, 'torrent')}</span>
    </div>
  )
}
