import { useState } from 'preact/hooks'
import { FILTERS, type ListQuery, SORT_KEYS } from './list-query.ts'

const KEY = 'tsdl-list'
const DEFAULT_QUERY: ListQuery = { filter: 'all', search: '', sort: 'added', isDescending: true }

/** The query of the list. It stays while the tab is open. */
export function useListQuery(): [ListQuery, (changes: Partial<ListQuery>) => void] {
  const [query, setQuery] = useState(load)
  const change = (changes: Partial<ListQuery>) => {
    const next = { ...query, ...changes }
    setQuery(next)
    try {
      sessionStorage.setItem(KEY, JSON.stringify(next))
    } catch {} // the browser may forbid it
  }
  return [query, change]
}

function load(): ListQuery {
  try {
    const saved = {
      ...DEFAULT_QUERY,
      ...(JSON.parse(sessionStorage.getItem(KEY) ?? '{}') as Partial<ListQuery>),
    }
    return FILTERS.includes(saved.filter) && SORT_KEYS.includes(saved.sort) ? saved : DEFAULT_QUERY
  } catch {
    return DEFAULT_QUERY
  }
}
