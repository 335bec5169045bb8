/** One name of a path: how long it may be, and where it may be cut. */

/** Bytes of one name: what ext4, NTFS and APFS all take. */
const MAX_NAME = 255

/** At most `limit` bytes of UTF-8 of a name, its extension kept, no code point cut in two. */
export function cut(name: string, limit: number = MAX_NAME): string {
  if (Buffer.byteLength(name) <= limit) return name
  const { stem, extension } = splitName(name)
  const bytes = Buffer.from(stem)
  let end = limit - Buffer.byteLength(extension)
  // 10xxxxxx is the inside of a code point.
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end) + extension
}

/** A name and the extension it ends in, dot included; a dot that starts the name or is far from its end is none. */
export function splitName(name: string): { readonly stem: string; readonly extension: string } {
  const dot = name.lastIndexOf('.')
  const none = dot <= 0 || Buffer.byteLength(name.slice(dot)) > 32
  return none ? { stem: name, extension: '' } : { stem: name.slice(0, dot), extension: name.slice(dot) }
}
