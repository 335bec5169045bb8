/**
 * Parses `text` as a URL, relative to `base` if it is given. Returns `undefined` if it is not a valid URL.
 * It does not use `URL.canParse`: after optimization, Node's version accepts some text for which `new URL` throws.
 */
export function urlOf(text: string, base?: URL): URL | undefined {
  try {
    return new URL(text, base)
  } catch {
    return undefined
  }
}

/** Percent-encodes bytes for a query: unreserved characters are unchanged, all others become %XX (RFC 3986). */
export function percentEncode(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) {
    const char = String.fromCharCode(byte)
    text += /[A-Za-z0-9._~-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}
