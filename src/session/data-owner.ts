import { InputError } from '../errors.ts'
import type { SessionTorrent } from './session-torrent.ts'

/** Throws ERR_BUSY if the files of a torrent are those of another one of `torrents` too. */
export function checkDataOwner(torrent: SessionTorrent, torrents: readonly SessionTorrent[]): void {
  const { directory } = torrent.record
  const other = torrents.find(
    ({ id, name, record }) => id !== torrent.id && record.directory === directory && name === torrent.name,
  )
  if (!other) return
  throw new InputError(
    'ERR_BUSY',
    `${torrent.name}: torrent ${other.id} has the same files; remove it without its data`,
  )
}
