/** The content of the pages as JSON, for programs. */
import type { FileEntry, Metainfo } from '../metainfo/metainfo.ts'
import type { ServedTorrent, ServedTorrents } from './served-torrents.ts'
import type { Urls } from './urls.ts'

/** The list of torrents, in parts: `{torrents: [{name, infoHash, infoHashV2, length, pieceLength, pieces, url, progress}]}`. */
export function* indexListing(torrents: ServedTorrents, urls: Urls): Generator<string> {
  yield '{"torrents":['
  let comma = ''
  for (const served of torrents.values()) {
    yield comma + JSON.stringify(torrent(served, urls))
    comma = ','
  }
  yield ']}\n'
}

/** A torrent and all files below one of its directories, in parts: the same fields, and `files: [{index, path, length, url}]`. */
export function* directoryListing(served: ServedTorrent, path: string, urls: Urls): Generator<string> {
  const { metainfo } = served
  yield `${JSON.stringify(torrent(served, urls)).slice(0, -1)},"files":[`
  const below = path === '' ? '' : `${path}/`
  let comma = ''
  for (const [index, file] of metainfo.files.entries()) {
    if (file.pad || !file.path.startsWith(below)) {
      yield '' // one step of work: most files of a large torrent may lie in other directories
      continue
    }
    yield comma + JSON.stringify(listedFile(metainfo, file, index, urls))
    comma = ','
  }
  yield ']}\n'
}

function torrent({ metainfo, progress }: ServedTorrent, urls: Urls) {
  return {
    name: metainfo.name,
    infoHash: metainfo.infoHash.toString('hex'),
    infoHashV2: metainfo.infoHashV2?.toString('hex') ?? null,
    length: metainfo.length,
    pieceLength: metainfo.pieceLength,
    pieces: metainfo.pieceCount,
    url: urls.directory(metainfo),
    progress: progress ?? null,
  }
}

function listedFile(metainfo: Metainfo, { path, length, symlink }: FileEntry, index: number, urls: Urls) {
  return {
    index,
    path,
    length,
    url: urls.file(metainfo, path),
    ...(symlink === undefined ? {} : { symlink }),
  }
}
