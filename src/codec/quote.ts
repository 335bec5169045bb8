/** Makes untrusted text safe for our messages: on one line, short, and without terminal control characters. */

/** Control characters, characters that change the text direction, and invisible characters. */
export const INVISIBLE_CHARACTERS = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu

/** Returns `text` as a JSON string, cut to 200 characters, with every invisible character escaped. */
export function quote(text: string): string {
  const all = String(text)
  const short = all.length > 200 ? `${all.slice(0, 200)}...` : all
  return JSON.stringify(short).replace(INVISIBLE_CHARACTERS, escaped)
}

/** Returns the JSON escape of a character. */
export function escaped(character: string): string {
  return `\\u${String(character).charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** Returns a short text for any value in an error message: text and numbers as they are, objects by their class. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'object' && value !== null) {
    const name: unknown = value.constructor?.name
    return typeof name === 'string' && name !== 'Object' ? `an object of class ${name}` : 'an object'
  }
  return String(value)
}
