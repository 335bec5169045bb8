/** Maximum length of a text from the network in messages, in characters. */
const MAX_TEXT_LENGTH = 200

/**
 * Makes text from the network safe for a line on a terminal: removes control characters and changes of direction,
 * collapses white space, and cuts it to `max` characters.
 */
export function printable(text: string | Uint8Array, max = MAX_TEXT_LENGTH): string {
  const raw = typeof text === 'string' ? text : Buffer.from(text.subarray(0, max * 4)).toString('utf8')
  const line = raw
    .slice(0, max * 4)
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .replace(/[\p{Cf}\p{Cs}]/gu, '')
    .trim()
  const letters = [...line]
  return letters.length > max ? `${letters.slice(0, max - 1).join('')}…` : line
}
