import { escaped, INVISIBLE } from '../codec/quote.ts'

/** Text for a terminal: names of files and hosts may come from strangers, and must not steer it. Line breaks are ours. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, character => (character === '\n' ? character : escaped(character)))
}

/** A value as JSON on one line, of which a terminal shows all and does nothing. */
export function json(value: unknown): string {
  return JSON.stringify(value).replace(INVISIBLE, escaped)
}
