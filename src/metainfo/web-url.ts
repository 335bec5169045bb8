/** Where on the web the bytes of a torrent are: URLs of files (BEP 19) and of pieces (BEP 17). Pure. */
import { percentEncode } from '../codec/url.ts'
import type { FileEntry, Metainfo } from './metainfo.ts'

/**
 * The URL of a file at the web seed `base` (BEP 19). Below a base that ends in a slash, and for torrents that are a
 * directory, the torrent's name follows, and the names of the file, each percent-encoded by itself; otherwise `base`
 * is the file.
 */
export function fileUrl(
  base: string,
  { multiFile, name, spelledName }: Pick<Metainfo, 'multiFile' | 'name' | 'spelledName'>,
  { path, spelled }: Pick<FileEntry, 'path' | 'spelled'>,
): URL {
  const root = base.replace(/#.*$/s, '')
  if (!multiFile && !root.endsWith('/')) return new URL(root)
  const below = spelled ?? path.split('/').slice(1).map(encoded)
  const names = [spelledName ?? encoded(name), ...(multiFile ? below : [])].map(percentEncode).join('/')
  if (root.endsWith('/')) return new URL(root + names)
  const url = new URL(root)
  url.pathname += `${url.pathname.endsWith('/') ? '' : '/'}${names}`
  return url
}

/**
 * The URL of bytes of a piece at the web seed `base` (BEP 17).
 * @param range the first and the last byte of the piece that are wanted @default all
 */
export function pieceUrl(
  base: string,
  infoHash: Uint8Array,
  piece: number,
  range?: readonly [first: number, last: number],
): URL {
  const root = base.replace(/#.*$/s, '').replace(/[?&]+$/, '')
  const ranges = range ? `&ranges=${range[0]}-${range[1]}` : ''
  const query = `info_hash=${percentEncode(infoHash)}&piece=${piece}${ranges}`
  return new URL(`${root}${root.includes('?') ? '&' : '?'}${query}`)
}

/** How a web seed is named in messages and events: without credentials, query and fragment. */
export function webSeedName(url: string): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

function encoded(name: string): Uint8Array {
  return Buffer.from(name)
}
