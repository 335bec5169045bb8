import type { ListDocument, ListedTorrent } from '../../server/page/documents.ts'
import { isComplete, partOf, type TorrentRow } from './torrent-row.ts'

/** Groups of torrents that the list can be reduced to. */
export const FILTERS = ['all', 'downloading', 'sharing', 'complete', 'paused', 'problem'] as const
export type FilterName = (typeof FILTERS)[number]

/** Columns that the list can be sorted by. */
export const SORT_KEYS = ['added', 'name', 'size', 'done', 'down', 'up', 'eta', 'peers', 'ratio'] as const
export type SortKey = (typeof SORT_KEYS)[number]

/** What the list shows, and in which order. */
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

const MATCHES: Readonly<Record<FilterName, (torrent: ListedTorrent) => boolean>> = {
  all: () => true,
  downloading: torrent => !isComplete(torrent) && !['stopped', 'failed'].includes(torrent.status),
  sharing: ({ status }) => status === 'seeding',
  complete: isComplete,
  paused: ({ status }) => status === 'stopped' || status === 'finished',
  problem: ({ reason, status }) => status === 'failed' || reason !== undefined,
}

/** Returns the torrents that a query shows, in its order. Equal ones stay in the order of their names. */
export function queryRows(torrents: ListDocument['torrents'], query: ListQuery): TorrentRow[] {
  const { filter, isDescending, label, search, sort } = query
  const words = search
    .toLocaleLowerCase()
    .split(/\s+/)
    .filter(word => word !== '')
  const rows: (TorrentRow & { readonly value: number | string })[] = []
  for (const infoHash in torrents) {
    const torrent = torrents[infoHash]!
    if (!MATCHES[filter](torrent)) continue
    if (label !== undefined && !torrent.labels.includes(label)) continue
    if (words.length > 0) {
      const name = torrent.name.toLocaleLowerCase()
      if (!words.every(word => name.includes(word) || infoHash.startsWith(word))) continue
    }
    rows.push({ infoHash, torrent, value: sortValueOf(torrent, sort) })
  }
  const direction = isDescending ? -1 : 1
  return rows.sort((one, other) => {
    const order = compare(one.value, other.value)
    if (order !== 0) return order * direction
    return compareNames(one.torrent.name, other.torrent.name) || (one.infoHash < other.infoHash ? -1 : 1)
  })
}

/** Counts torrents for the filters. */
export function countRows(torrents: ListDocument['torrents']): ListCounts {
  const filters = Object.fromEntries(FILTERS.map(name => [name, 0])) as Record<FilterName, number>
  const labels = new Map<string, number>()
  for (const infoHash in torrents) {
    const torrent = torrents[infoHash]!
    for (const name of FILTERS) if (MATCHES[name](torrent)) filters[name]++
    for (const label of torrent.labels) labels.set(label, (labels.get(label) ?? 0) + 1)
  }
  return { filters, labels: [...labels].sort(([one], [other]) => compareNames(one, other)) }
}

function sortValueOf(torrent: ListedTorrent, key: SortKey): number | string {
  switch (key) {
    case 'name':
      return torrent.name
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

function compare(one: number | string, other: number | string): number {
  return typeof one === 'string' ? compareNames(one, String(other)) : one - Number(other)
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })

/** Compares names as a reader does: `2` before `10`. */
function compareNames(one: string, other: string): number {
  return collator.compare(one, other)
}
