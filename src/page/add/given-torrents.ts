/** Torrents that the user has given by paste, drop, a file dialog or the field. */
export interface GivenTorrents {
  readonly links: readonly string[]
  readonly files: readonly File[]
}

/** Returns the magnet links, info-hashes and URLs in a text, one in each line. */
export function findLinks(text: string): string[] {
  const lines = text.split(/[\r\n]+/).map(line => line.trim())
  return lines.filter(line => /^(magnet:\?\S+|https?:\/\/\S+|[\da-f]{40})$/i.test(line))
}

/** Encodes a file in base64. */
export async function encodeFile(file: Blob): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer())
  let text = ''
  for (let at = 0; at < bytes.length; at += 32_768)
    text += String.fromCharCode(...bytes.subarray(at, at + 32_768))
  return btoa(text)
}
