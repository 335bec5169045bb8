import type { ListDocument, ListedTorrent } from '../../server/page/documents.ts'
import { compareNames, NameOrder } from './name-order.ts'
import { isComplete, partOf, type TorrentRow } from './torrent-row.ts'

/** Groups of torrents that the list can be reduced to. */
export const FILTER_NAMES = ['all', 'downloading', 'sharing', 'complete', 'paused', 'problem'] as const
export type FilterName = (typeof FILTER_NAMES)[number]

/** Columns that the list can be sorted by. */
export const SORT_KEYS = ['added', 'name', 'size', 'done', 'down', 'up', 'eta', 'peers', 'ratio'] as const
export type SortKey = (typeof SORT_KEYS)[number]

/** The filters and the order of the list. */
export interface ListQuery {
  readonly filter: FilterName
  /** Torrents with this label alone. */
  readonly label?: string | undefined
  /** Words that the name has to contain. */
  readonly search: string
  readonly sort: SortKey
  readonly isDescending: boolean
}

/** Counts of torrents by filter and by label. */
export interface ListCounts {
  readonly filters: Readonly<Record<FilterName, number>>
  readonly labels: readonly (readonly [label: string, count: number])[]
}

const FILTER_TESTS: Readonly<Record<FilterName, (torrent: ListedTorrent) => boolean>> = {
  all: () => true,
  downloading: torrent => !isComplete(torrent) && !['stopped', 'failed', 'seeding'].includes(torrent.status),
  sharing: ({ status }) => status === 'seeding',
  complete: isComplete,
  paused: ({ status }) => status === 'stopped' || status === 'finished',
  problem: ({ reason, status }) => status === 'failed' || reason !== undefined,
}

/** Returns the torrents that a query shows, in its order. Equal ones stay in the order of their names. */
export function queryRows(
  torrents: ListDocument['torrents'],
  query: ListQuery,
  names: NameOrder = new NameOrder(),
): TorrentRow[] {
  const { filter, isDescending, label, search, sort } = query
  const words = search
    .toLocaleLowerCase()
    .split(/\s+/)
    .filter(word => word !== '')
  const places = names.placesOf(torrents)
  const rows: SortedRow[] = []
  for (const infoHash in torrents) {
    const torrent = torrents[infoHash]!
    if (!FILTER_TESTS[filter](torrent)) continue
    if (label !== undefined && !torrent.labels.includes(label)) continue
    if (words.length > 0) {
      const name = torrent.name.toLocaleLowerCase()
      if (!words.every(word => name.includes(word) || infoHash.startsWith(word))) continue
    }
    const place = places.get(infoHash)!
    rows.push({ infoHash, torrent, place, value: sort === 'name' ? place : sortValueOf(torrent, sort) })
  }
  const direction = isDescending ? -1 : 1
  return rows.sort((one, other) => (one.value - other.value) * direction || one.place - other.place)
}

/** A row with its sort key, and its position in the order of names. */
interface SortedRow extends TorrentRow {
  readonly value: number
  readonly place: number
}

/** Counts torrents for the filters. */
export function countRows(torrents: ListDocument['torrents']): ListCounts {
  const filters = Object.fromEntries(FILTER_NAMES.map(name => [name, 0])) as Record<FilterName, number>
  const labels = new Map<string, number>()
  for (const infoHash in torrents) {
    const torrent = torrents[infoHash]!
    for (const name of FILTER_NAMES) if (FILTER_TESTS[name](torrent)) filters[name]++
    for (const label of torrent.labels) labels.set(label, (labels.get(label) ?? 0) + 1)
  }
  return { filters, labels: [...labels].sort(([one], [other]) => compareNames(one, other)) }
}

function sortValueOf(torrent: ListedTorrent, key: Exclude<SortKey, 'name'>): number {
  switch (key) {
    case 'added':
      return torrent.added ?? 0
    case 'size':
      return torrent.size ?? 0
    case 'done':
      return partOf(torrent) ?? -1
    case 'eta':
      return torrent.eta ?? (isComplete(torrent) ? -1 : Number.MAX_SAFE_INTEGER)
    default:
      return torrent[key]
  }
}
