import { type SharedTorrent, VerifiedFiles } from '../pipeline/reading/verified-files.ts'
import {
  CollectedTorrents,
  isReadableState,
  type ReadableTorrent,
  type ServedTorrent,
  type ServedTorrents,
} from './served-torrents.ts'

/** A torrent with pieces that are verified and can be read. */
export type VerifiedTorrent = Pick<ReadableTorrent, 'state' | 'metainfo' | 'progress' | 'files'> &
  SharedTorrent

/**
 * Serves the torrents of a collection from verified pieces only, files that are not selected too: nothing is downloaded for a
 * request. Ranges and archives with a piece that is missing or wrong on disk are refused with 409.
 */
export function serveVerified(collection: { readonly torrents: Iterable<VerifiedTorrent> }): ServedTorrents {
  // one for each torrent, as each listens to it
  const known = new WeakMap<VerifiedTorrent, ServedTorrent>()
  return new CollectedTorrents<VerifiedTorrent>(collection, torrent => {
    if (!isReadableState(torrent.state)) return undefined
    const served = known.get(torrent) ?? verifiedOf(torrent)
    known.set(torrent, served)
    return served
  })
}

function verifiedOf(torrent: VerifiedTorrent): ServedTorrent {
  const files = new VerifiedFiles(torrent)
  return {
    metainfo: torrent.metainfo,
    get progress() {
      return torrent.progress
    },
    checkRange: (fileIndex, { start, end }) => files.check(fileIndex, start, end),
    read: (fileIndex, { start, end }) => files.read(fileIndex, start, end),
  }
}
