import { FILTER_NAMES, type FilterName, type ListCounts, type ListQuery } from './list-query.ts'

const FILTER_LABELS: Readonly<Record<FilterName, string>> = {
  all: 'All',
  downloading: 'Downloading',
  sharing: 'Sharing',
  complete: 'Complete',
  paused: 'Paused',
  problem: 'Needs attention',
}

/** Reduces the list to a group or a label. */
export function Filters({
  counts,
  onChange,
  query,
}: {
  counts: ListCounts
  onChange: (changes: Partial<ListQuery>) => void
  query: ListQuery
}) {
  const shown = FILTER_NAMES.filter(
    name => name === 'all' || name === query.filter || counts.filters[name] > 0,
  )
  return (
    <nav class="filters" aria-label="Filters">
      <ul>
        {shown.map(name => (
          <li key={name}>
            <button
              type="button"
              aria-pressed={query.filter === name && query.label === undefined}
              onClick={() => onChange({ filter: name, label: undefined })}
            >
              <span>{FILTER_LABELS[name]}</span>
              <span class="count">{counts.filters[name].toLocaleString('en')}</span>
            </button>
          </li>
        ))}
      </ul>
      {counts.labels.length > 0 && (
        <>
          <h2>Labels</h2>
          <ul>
            {counts.labels.map(([label, count]) => (
              <li key={label}>
                <button
                  type="button"
                  aria-pressed={query.label === label}
                  onClick={() => onChange({ label: query.label === label ? undefined : label })}
                >
                  <bdi>{label}</bdi>
                  <span class="count">{count.toLocaleString('en')}</span>
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </nav>
  )
}
