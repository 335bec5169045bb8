/** Selected torrents, by info-hash, and the one that a range begins at. */
export interface RowSelection {
  readonly chosen: ReadonlySet<string>
  readonly anchor: string | undefined
}

export const NO_SELECTION: RowSelection = { chosen: new Set(), anchor: undefined }

/** Selects a torrent, or takes it out. */
export function toggle({ chosen }: RowSelection, infoHash: string): RowSelection {
  const next = new Set(chosen)
  if (!next.delete(infoHash)) next.add(infoHash)
  return { chosen: next, anchor: infoHash }
}

/** Selects all from the anchor to a torrent, in the order of the list. */
export function extendTo(selection: RowSelection, order: readonly string[], infoHash: string): RowSelection {
  const to = order.indexOf(infoHash)
  const from = selection.anchor === undefined ? to : order.indexOf(selection.anchor)
  if (from < 0 || to < 0) return toggle(selection, infoHash)
  const range = order.slice(Math.min(from, to), Math.max(from, to) + 1)
  return { chosen: new Set([...selection.chosen, ...range]), anchor: selection.anchor ?? infoHash }
}

/** Selects all of a list. */
export function selectAll(order: readonly string[]): RowSelection {
  return { chosen: new Set(order), anchor: order[0] }
}

/** Leaves out torrents that are not there any more. Returns the same object if there are none. */
export function keepPresent(selection: RowSelection, isPresent: (infoHash: string) => boolean): RowSelection {
  const chosen = [...selection.chosen].filter(isPresent)
  return chosen.length === selection.chosen.size ? selection : { ...selection, chosen: new Set(chosen) }
}
