import { parse } from 'smol-toml'

/**
 * Returns the line of each key of a valid TOML text, and of each key in its tables: `up`, `serve.up`.
 *
 * The parser gives no positions. But the text up to the end of a line is valid, except within a value of several
 * lines. A key that such a part adds stands in the line after the part before it.
 */
export function findKeyLines(text: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  const lines = text.split('\n')
  let valid = 0
  for (let count = 1; count <= lines.length; count++) {
    const part = parsePart(lines.slice(0, count).join('\n'))
    if (!part) continue
    for (const key of listKeys(part)) if (!found.has(key)) found.set(key, valid + 1)
    valid = count
  }
  return found
}

function parsePart(text: string): object | undefined {
  try {
    return parse(text)
  } catch {
    return undefined
  }
}

function listKeys(table: object): string[] {
  return Object.entries(table).flatMap(([key, value]) =>
    isTable(value) ? [key, ...Object.keys(value).map(inner => `${key}.${inner}`)] : [key],
  )
}

/** True for a table of TOML: an object that is neither an array nor a date. */
export function isTable(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}
