import mime from 'mime'

/** Media types with text as content. */
const TEXT_TYPES = /^text\/|^application\/(?:.*\+)?(?:json|xml)$|\+xml$/

/** The `Content-Type` of a file, by the extension of its name; text is declared as UTF-8. */
export function contentTypeOf(name: string): string {
  const type = (name.includes('.') && mime.getType(name)) || 'application/octet-stream'
  return TEXT_TYPES.test(type) ? `${type}; charset=utf-8` : type
}
