import { InputError } from '../errors.ts'
import type { Torrent } from './torrent.ts'

/** The client has the torrent already, perhaps under its other info-hash. The trackers and peers of the new source joined it. */
export class MergedTorrentError extends InputError {
  /** The existing torrent. */
  readonly torrent: Torrent

  /** @param torrent the existing torrent */
  constructor(torrent: Torrent) {
    const infoHash = torrent.infoHash.toString('hex')
    super(
      'ERR_BUSY',
      `add: the client has the torrent ${infoHash} already; it has these trackers and peers now`,
    )
    this.torrent = torrent
  }
}
