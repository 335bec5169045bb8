/**
 * The URL that `text` is, or `undefined` where it is none.
 * Not by `URL.canParse`: once optimized, Node's own says yes to some text that `new URL` then throws at.
 */
export function urlOf(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}
