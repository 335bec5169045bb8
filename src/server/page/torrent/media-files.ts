import mime from 'mime'
import type { Metainfo } from '../../../metainfo/metainfo.ts'
import { completedBytes } from '../../../session/files/torrent-files.ts'
import type { PageTorrent } from '../page-torrents.ts'
import { prioritiesOf, verifiedOf } from './file-state.ts'

/** The films of a torrent, or its sounds if it has no film. */
export class MediaFiles {
  readonly #metainfo: Metainfo
  /** Indices of files, the largest first. */
  readonly #indices: readonly number[]

  constructor(metainfo: Metainfo) {
    this.#metainfo = metainfo
    const films = listFiles(metainfo, 'video/')
    this.#indices = films.length > 0 ? films : listFiles(metainfo, 'audio/')
  }

  /** Returns the path of the largest one that can be opened, or of the largest if none can. Undefined if there is none. */
  findPlayable(torrent: PageTorrent): string | undefined {
    const index = this.#indices.length > 1 ? this.#findOpenable(torrent) : undefined
    return this.#metainfo.files[index ?? this.#indices[0] ?? -1]?.path
  }

  #findOpenable(torrent: PageTorrent): number | undefined {
    const metainfo = this.#metainfo
    if (torrent.servesVerified) {
      const verified = verifiedOf(torrent, metainfo)
      return this.#indices.find(index => {
        const file = metainfo.files[index]!
        return completedBytes(file, metainfo.pieceLength, verified) === file.length
      })
    }
    const priorityOf = prioritiesOf(torrent, metainfo)
    return this.#indices.find(index => priorityOf(index) !== 'off')
  }
}

/** Returns the indices of the files of a MIME type, such as `video/`, the largest first. */
function listFiles({ files }: Metainfo, type: string): number[] {
  return [...files.keys()]
    .filter(index => isOfType(files[index]!, type))
    .sort((a, b) => files[b]!.length - files[a]!.length)
}

function isOfType({ length, pad, path }: Metainfo['files'][number], type: string): boolean {
  return !pad && length > 0 && mime.getType(path)?.startsWith(type) === true
}
