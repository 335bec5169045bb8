/** What the pages show, as JSON for programs. */
import type { FileEntry, Metainfo } from '../metainfo/metainfo.ts'
import type { Served, Shelf } from './shelf.ts'
import type { Urls } from './urls.ts'

/** All torrents, in parts: `{torrents: [{name, infoHash, length, pieceLength, pieces, url, progress}]}`. */
export function* shelfListing(shelf: Shelf, urls: Urls): Generator<string> {
  yield '{"torrents":['
  let comma = ''
  for (const served of shelf.values()) {
    yield comma + JSON.stringify(torrent(served, urls))
    comma = ','
  }
  yield ']}\n'
}

/** A torrent with all files below a directory of it, in parts: the same, and `files: [{index, path, length, url}]`. */
export function* directoryListing(served: Served, path: string, urls: Urls): Generator<string> {
  const { metainfo } = served
  yield `${JSON.stringify(torrent(served, urls)).slice(0, -1)},"files":[`
  const below = path === '' ? '' : `${path}/`
  let comma = ''
  for (const [index, file] of metainfo.files.entries()) {
    if (file.pad || !file.path.startsWith(below)) {
      yield '' // a step all the same: most of a large torrent may lie elsewhere
      continue
    }
    yield comma + JSON.stringify(entry(metainfo, file, index, urls))
    comma = ','
  }
  yield ']}\n'
}

function torrent({ metainfo, progress }: Served, urls: Urls) {
  return {
    name: metainfo.name,
    infoHash: metainfo.infoHash.toString('hex'),
    length: metainfo.length,
    pieceLength: metainfo.pieceLength,
    pieces: metainfo.pieceCount,
    url: urls.directory(metainfo),
    progress: progress ?? null,
  }
}

function entry(metainfo: Metainfo, { path, length, symlink }: FileEntry, index: number, urls: Urls) {
  return {
    index,
    path,
    length,
    url: urls.file(metainfo, path),
    ...(symlink === undefined ? {} : { symlink }),
  }
}
