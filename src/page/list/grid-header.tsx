import { Icon } from '../parts/icon.tsx'
import { type Column, LIST_COLUMNS } from './columns.ts'
import type { ListQuery } from './list-query.ts'

/** The names of the columns. A click sorts by one, and a second click turns the order around. */
export function GridHeader({
  all,
  onAll,
  onQuery,
  query,
}: {
  /** Which rows are selected; undefined if rows cannot be selected. */
  all: 'all' | 'some' | 'none' | undefined
  onAll: () => void
  onQuery: (changes: Partial<ListQuery>) => void
  query: ListQuery
}) {
  const inName = LIST_COLUMNS.slice(0, 3)
  const others = LIST_COLUMNS.slice(3)
  const sort = (column: Column) => (
    <SortButton key={column.key} column={column} query={query} onQuery={onQuery} />
  )
  return (
    <div class="grid-header" role="row" aria-rowindex={1}>
      {all && (
        <div role="columnheader" class="cell is-check">
          <input
            type="checkbox"
            aria-label="Select all"
            checked={all === 'all'}
            ref={input => {
              if (input) input.indeterminate = all === 'some'
            }}
            onChange={onAll}
          />
        </div>
      )}
      <div role="columnheader" class="cell is-name" aria-sort={sortOf(inName, query)}>
        {inName.map(sort)}
      </div>
      {others.map(column => (
        <div
          key={column.key}
          role="columnheader"
          class={`cell is-${column.key}`}
          aria-sort={sortOf([column], query)}
        >
          {sort(column)}
        </div>
      ))}
    </div>
  )
}

function SortButton({
  column,
  onQuery,
  query,
}: {
  column: Column
  onQuery: (changes: Partial<ListQuery>) => void
  query: ListQuery
}) {
  const isSorted = query.sort === column.key
  return (
    <button
      type="button"
      class={isSorted ? 'sort-button is-sorted' : 'sort-button'}
      onClick={() =>
        onQuery({ sort: column.key, isDescending: isSorted ? !query.isDescending : column.isDescendingFirst })
      }
    >
      {column.title}
      {isSorted && <Icon name={query.isDescending ? 'down' : 'up'} />}
    </button>
  )
}

function sortOf(columns: readonly Column[], { isDescending, sort }: ListQuery) {
  if (!columns.some(({ key }) => key === sort)) return 'none'
  return isDescending ? 'descending' : 'ascending'
}
