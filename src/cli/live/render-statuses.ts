import { styleText } from 'node:util'
import { visible } from '../terminal.ts'
import { columnsOf, fitText, padText } from './fit-text.ts'
import type { Status, StatusField } from './status.ts'

/** The capabilities of a terminal. */
export interface TerminalLook {
  readonly columns: number
  readonly rows: number
  /** True for block characters and an ellipsis; false for ASCII only. */
  readonly unicode: boolean
  /** True for colours. */
  readonly color: boolean
}

/** Columns between two parts of a line. */
const GAP_COLUMNS = 2
const NARROWEST_NAME = 8
const NARROWEST_BAR = 10
const WIDEST_BAR = 40
/** Stands for the bar among the fields. */
const BAR_FIELD: StatusField = { text: '', rank: 5 }
/** Lines below those of the torrents: the sum, and one that says how many more there are. */
const RESERVED_ROWS = 3

/**
 * Returns the lines that show statuses, none wider than the terminal, and fewer than its rows. One status may have a second
 * line. Of several the last is the sum, which is always shown.
 */
export function renderStatuses(statuses: readonly Status[], look: TerminalLook): string[] {
  // A character in the last column makes some terminals wrap.
  const columns = Math.max(1, look.columns - 1)
  const [single] = statuses
  if (statuses.length === 1 && single) {
    const lines = [renderStatus(single, columns, look)]
    if (single.detail !== undefined && look.rows > 2) lines.push(renderDetail(single.detail, columns, look))
    return lines
  }
  const room = Math.max(0, look.rows - RESERVED_ROWS)
  const torrents = statuses.slice(0, -1)
  const shown = torrents.slice(0, room)
  const more = torrents.length - shown.length
  const names = shown.map(({ name = '' }) => columnsOf(oneLine(name)))
  // all names take the same columns, so that numbers stand below each other
  const nameColumns = Math.max(0, ...names)
  return [
    ...shown.map(status => renderStatus(withBrief(status), columns, look, nameColumns)),
    ...(more > 0 ? [fitText(`and ${more} more`, columns)] : []),
    ...statuses.slice(-1).map(status => renderStatus(status, columns, look)),
  ]
}

function withBrief({ brief, fields, ...status }: Status): Status {
  return fields && brief !== undefined
    ? { ...status, fields: [...fields, { text: brief, rank: 9 }] }
    : { ...status, ...(fields ? { fields } : {}) }
}

function renderDetail(detail: string, columns: number, { color, unicode }: TerminalLook): string {
  const text = fitText(`  ${oneLine(detail)}`, columns, ellipsisOf(unicode))
  return color ? styleText('dim', text, { validateStream: false }) : text
}

function renderStatus(
  { fields, name = '', share, text }: Status,
  columns: number,
  look: TerminalLook,
  nameColumns = columnsOf(oneLine(name)),
): string {
  const label = oneLine(name)
  const ellipsis = ellipsisOf(look.unicode)
  if (!fields) return fitText(label === '' ? text : `${label}: ${text}`, columns, ellipsis)
  const parts = share === undefined ? fields : [BAR_FIELD, ...fields]
  const { barColumns, labelColumns, shown } = shareColumns(parts, nameColumns, columns)
  const texts = parts.flatMap(part =>
    part === BAR_FIELD && barColumns > 0 ? renderBar(share!, barColumns, look) : (shown.get(part) ?? []),
  )
  const fitted = labelColumns > 0 ? [padText(fitText(label, labelColumns, ellipsis), labelColumns)] : []
  return [...fitted, ...texts].join(' '.repeat(GAP_COLUMNS)).trimEnd()
}

/** Shares the columns of a line: first the parts in their order of rank, then longer forms, the name and the bar. */
function shareColumns(parts: readonly StatusField[], nameColumns: number, columns: number) {
  const ranked = [...parts].sort((a, b) => a.rank - b.rank)
  let labelColumns = Math.min(nameColumns, Math.max(NARROWEST_NAME, Math.floor(columns / 8)))
  // each part is counted with the gap after it, and nothing follows the last one
  let left = columns + GAP_COLUMNS - (labelColumns > 0 ? labelColumns + GAP_COLUMNS : 0)
  const shown = new Map<StatusField, string>()
  for (const part of ranked) {
    const form = part.short ?? padText(part.text, part.width ?? 0, 'start')
    const taken = (part === BAR_FIELD ? NARROWEST_BAR : columnsOf(form)) + GAP_COLUMNS
    if (taken > left) continue
    shown.set(part, form)
    left -= taken
  }
  const widenLabel = (maxWidth: number) => {
    const added = Math.max(0, Math.min(nameColumns, maxWidth) - labelColumns)
    labelColumns += Math.min(added, left)
    left -= Math.min(added, left)
  }
  widenLabel(Math.floor(columns / 3))
  for (const part of ranked) {
    if (part.short === undefined || !shown.has(part)) continue
    const form = padText(part.text, part.width ?? 0, 'start')
    const added = columnsOf(form) - columnsOf(part.short)
    if (added > left) continue
    shown.set(part, form)
    left -= added
  }
  widenLabel(nameColumns)
  const barColumns = shown.delete(BAR_FIELD) ? Math.min(WIDEST_BAR, NARROWEST_BAR + left) : 0
  return { barColumns, labelColumns, shown }
}

function renderBar(
  share: number,
  columns: number,
  { color, unicode }: Pick<TerminalLook, 'color' | 'unicode'>,
): string {
  const [fullGlyph, emptyGlyph] = unicode ? ['█', '░'] : ['#', '-']
  const full = Math.floor(Math.min(1, Math.max(0, share)) * columns)
  const done = fullGlyph!.repeat(full)
  const rest = emptyGlyph!.repeat(columns - full)
  return color
    ? styleText('cyan', done, { validateStream: false }) + styleText('dim', rest, { validateStream: false })
    : done + rest
}

function oneLine(text: string): string {
  return visible(text).replaceAll('\n', ' ')
}

function ellipsisOf(unicode: boolean): string {
  return unicode ? '…' : '..'
}
