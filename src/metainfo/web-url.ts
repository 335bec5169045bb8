/** The URLs of files (BEP 19) and pieces (BEP 17) at a web seed. Pure. */
import { percentEncode } from '../codec/url.ts'
import type { FileEntry, Metainfo } from './metainfo.ts'

/**
 * Returns the URL of a file at the web seed `base` (BEP 19). If the torrent is a directory, or if `base` ends in a
 * slash, the torrent's name and the names of the file are appended, each percent-encoded. Otherwise `base` is the file.
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
 * Returns the URL of a piece at the web seed `base` (BEP 17).
 * @param range the first and last requested byte of the piece @default the whole piece
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

/** Returns the name of a web seed in messages and events: its URL without credentials, query and fragment. */
export function webSeedName(url: string): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

function encoded(name: string): Uint8Array {
  return Buffer.from(name)
}
