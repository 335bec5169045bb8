import { escaped, INVISIBLE_CHARACTERS } from '../codec/index.ts'

/** Escapes control characters for a terminal, because names of files and hosts are untrusted. Line breaks are kept. */
export function visible(text: string): string {
  return text.replace(INVISIBLE_CHARACTERS, character =>
    character === '\n' ? character : escaped(character),
  )
}

/** Formats a value as JSON on one line, with every invisible character escaped. */
export function json(value: unknown): string {
  return JSON.stringify(value).replace(INVISIBLE_CHARACTERS, escaped)
}
