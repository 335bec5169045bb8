import { Layout } from '../../../metainfo/layout.ts'
import type { Metainfo } from '../../../metainfo/metainfo.ts'
import { completedBytes } from '../../../session/files/torrent-files.ts'
import type { PageTorrent } from '../page-torrents.ts'
import type { Topic } from '../topic.ts'
import type { FileRow, FilesDocument } from '../torrent-documents.ts'
import { prioritiesOf, verifiedOf } from './file-state.ts'
import { KnownMetainfo } from './known-metainfo.ts'
import { PieceWatch } from './piece-watch.ts'

/** Maximum number of files that are listed. The plain list of the server has all of them. */
const MAX_LISTED_FILES = 5000

/** The topic of the files of a torrent. Only files with a piece that has changed are described again. */
export class FilesTopic implements Topic {
  readonly #find: () => PageTorrent | undefined
  readonly #metainfo = new KnownMetainfo()
  readonly #watch = new PieceWatch(index => this.#changed.add(index))
  readonly #changed = new Set<number>()
  /** The values that the present descriptions were made from. */
  #described:
    | { readonly metainfo: Metainfo; readonly layout: Layout; readonly priorities: object | undefined }
    | undefined
  #files: Record<string, FileRow> = {}
  #total = 0

  constructor(find: () => PageTorrent | undefined) {
    this.#find = find
  }

  describe(): FilesDocument | undefined {
    const found = this.#find()
    if (!found) return undefined
    const metainfo = this.#metainfo.get(found)
    if (!metainfo) return { isKnown: false, total: 0, files: {} }
    const isOther = this.#watch.follow(found.torrent)
    const priorities = found.stored?.record.priorities
    const { metainfo: before, priorities: prioritiesBefore } = this.#described ?? {}
    if (isOther || before !== metainfo || prioritiesBefore !== priorities) this.#describeAll(found, metainfo)
    else if (this.#changed.size > 0) this.#describeChanged(found)
    this.#changed.clear()
    return { isKnown: true, total: this.#total, files: this.#files }
  }

  close(): void {
    this.#watch.close()
  }

  #describeAll(found: PageTorrent, metainfo: Metainfo): void {
    const layout = new Layout(metainfo)
    const priorities = found.stored?.record.priorities
    this.#described = { metainfo, layout, priorities }
    const verified = verifiedOf(found, metainfo)
    const priorityOf = prioritiesOf(found, metainfo)
    const files: Record<string, FileRow> = {}
    let total = 0
    for (const [index, file] of metainfo.files.entries()) {
      const { length, pad, path } = file
      if (pad || ++total > MAX_LISTED_FILES) continue
      files[index] = {
        ...{ path, length, priority: priorityOf(index) },
        ...haveOf(found, length, completedBytes(file, layout.pieceLength, verified)),
      }
    }
    this.#files = files
    this.#total = total
  }

  #describeChanged(found: PageTorrent): void {
    const { layout, metainfo } = this.#described!
    const verified = verifiedOf(found, metainfo)
    const touched = new Set<number>()
    for (const index of this.#changed) {
      const { length, position } = layout.pieceRange(index)
      for (const { fileIndex } of layout.spans(position, length)) touched.add(fileIndex)
    }
    const files = { ...this.#files }
    for (const index of touched) {
      const file = files[index]
      if (!file) continue
      const { isStored: _, ...others } = file
      const have = completedBytes(metainfo.files[index]!, layout.pieceLength, verified)
      files[index] = { ...others, ...haveOf(found, file.length, have) }
    }
    this.#files = files
  }
}

function haveOf(
  { servesVerified = false }: PageTorrent,
  length: number,
  have: number,
): Pick<FileRow, 'have' | 'isStored'> {
  return { have, ...(servesVerified && have === length ? { isStored: true } : {}) }
}
