import type { ListedTorrent } from '../../server/page/documents.ts'

/** A torrent with its info-hash, as the list sorts it. */
export interface TorrentRow {
  readonly infoHash: string
  readonly torrent: ListedTorrent
}

/** The verified part of a torrent, from 0 to 1; undefined while its metadata is not known. */
export function partOf({ checked, size, status, verified, wanted }: ListedTorrent): number | undefined {
  if (status === 'checking') return checked ?? 0
  if (size === undefined) return undefined
  return wanted === 0 ? 1 : verified / wanted
}

/** True if all wanted files are complete. */
export function isComplete(torrent: ListedTorrent): boolean {
  return torrent.size !== undefined && torrent.verified >= torrent.wanted
}
