import type { SortKey } from './list-query.ts'

/** A column of the list. */
export interface Column {
  readonly key: SortKey
  readonly title: string
  /** The direction of the first click. */
  readonly isDescendingFirst: boolean
}

/** The columns that the list can be sorted by. `done` and `added` share the column of the name. */
export const LIST_COLUMNS: readonly Column[] = [
  { key: 'name', title: 'Name', isDescendingFirst: false },
  { key: 'done', title: 'Progress', isDescendingFirst: true },
  { key: 'added', title: 'Date added', isDescendingFirst: true },
  { key: 'size', title: 'Size', isDescendingFirst: true },
  { key: 'down', title: 'Down', isDescendingFirst: true },
  { key: 'up', title: 'Up', isDescendingFirst: true },
  { key: 'eta', title: 'Time left', isDescendingFirst: false },
  { key: 'peers', title: 'Peers', isDescendingFirst: true },
  { key: 'ratio', title: 'Ratio', isDescendingFirst: true },
]
