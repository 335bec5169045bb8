/**
 * The URL that `text` is, relative to `base` if that is given, or `undefined` where it is none.
 * Not by `URL.canParse`: once optimized, Node's own says yes to some text that `new URL` then throws at.
 */
export function urlOf(text: string, base?: URL): URL | undefined {
  try {
    return new URL(text, base)
  } catch {
    return undefined
  }
}

/** Bytes as RFC 3986 wants them in a query: unreserved ones as they are, all others as %XX. */
export function percentEncode(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) {
    const char = String.fromCharCode(byte)
    text += /[A-Za-z0-9._~-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}
