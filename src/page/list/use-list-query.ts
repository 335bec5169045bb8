import { useState } from 'preact/hooks'
import { FILTER_NAMES, type ListQuery, SORT_KEYS } from './list-query.ts'

const STORAGE_KEY = 'tsdl-list'
const DEFAULT_QUERY: ListQuery = { filter: 'all', search: '', sort: 'added', isDescending: true }

/** The query of the list. It stays while the tab is open. */
export function useListQuery(): [ListQuery, (changes: Partial<ListQuery>) => void] {
  const [query, setQuery] = useState(load)
  const change = (changes: Partial<ListQuery>) => {
    const next = { ...query, ...changes }
    setQuery(next)
    try {
      sessionStorage.setItem(STORAGE_KEY, JSON.stringify(next))
    } catch {} // the browser may forbid it
  }
  return [query, change]
}

function load(): ListQuery {
  try {
    const saved = {
      ...DEFAULT_QUERY,
      ...(JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? '{}') as Partial<ListQuery>),
    }
    return FILTER_NAMES.includes(saved.filter) && SORT_KEYS.includes(saved.sort) ? saved : DEFAULT_QUERY
  } catch {
    return DEFAULT_QUERY
  }
}
