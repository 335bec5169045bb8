import stringWidth from 'string-width'

/** Text in which each character takes one column. */
const NARROW_TEXT = /^[\x20-\x7e]*$/
/** Created at first use, because most text is narrow and the data of the segmenter takes milliseconds to load. */
let segmenter: Intl.Segmenter | undefined

/** Returns the number of columns of a text on a terminal: 2 for each wide character, 0 for a combining one. */
export function columnsOf(text: string): number {
  return NARROW_TEXT.test(text) ? text.length : stringWidth(text)
}

/** Cuts a text to a number of columns, between characters as they are seen. @param ellipsis ends a text that was cut */
export function fitText(text: string, columns: number, ellipsis = '…'): string {
  if (columnsOf(text) <= columns) return text
  const room = columns - columnsOf(ellipsis)
  if (room < 0) return fitText(text, columns, '')
  segmenter ??= new Intl.Segmenter()
  let fitted = ''
  let used = 0
  for (const { segment } of segmenter.segment(text)) {
    used += columnsOf(segment)
    if (used > room) break
    fitted += segment
  }
  return fitted + ellipsis
}

/** Fills a text with spaces to a number of columns. @param side where the spaces go */
export function padText(text: string, columns: number, side: 'start' | 'end' = 'end'): string {
  const spaces = ' '.repeat(Math.max(0, columns - columnsOf(text)))
  return side === 'end' ? text + spaces : spaces + text
}
