/** Longest text from the network that we show, in characters. */
const MAX_TEXT = 200

/**
 * Text from the network, fit for a terminal line: no control characters, nothing that turns the
 * writing direction, white space collapsed, cut to `max` characters.
 */
export function printable(text: string | Uint8Array, max = MAX_TEXT): string {
  const raw = typeof text === 'string' ? text : Buffer.from(text.subarray(0, max * 4)).toString('utf8')
  const line = raw
    .slice(0, max * 4)
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .replace(/[\p{Cf}\p{Cs}]/gu, '')
    .trim()
  const letters = [...line]
  return letters.length > max ? `${letters.slice(0, max - 1).join('')}…` : line
}
