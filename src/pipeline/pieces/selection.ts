import type { Bitfield } from '../../codec/bitfield.ts'
import type { Layout } from '../../metainfo/layout.ts'
import type { Metainfo } from '../../metainfo/metainfo.ts'
import type { ContentOptions } from './content-options.ts'
import { piecePriorities, selectedFiles, WantedPieces, wantedPieces } from './wanted.ts'

/** The present selection of a torrent: its files, their pieces, and the priorities of the pieces. */
export class Selection {
  readonly #metainfo: Metainfo
  readonly #content: ContentOptions
  readonly pieces: WantedPieces
  /** The selected files, by index; undefined for none. */
  #files: Bitfield | undefined
  /** The priority of each piece; 0 for one that is not wanted. Undefined while `content.wanted` says which are, or none is. */
  priorities: Uint8Array | undefined

  constructor(metainfo: Metainfo, content: ContentOptions, layout: Layout) {
    const { select, wanted } = content
    this.#metainfo = metainfo
    this.#content = content
    this.#files = this.#selectFiles()
    this.priorities = wanted || !this.writes ? undefined : piecePriorities(metainfo, content)
    this.pieces = new WantedPieces(wanted ?? wantedPieces(metainfo, select), layout)
  }

  /** False for a seed, which leaves its files as they are. */
  get writes(): boolean {
    return this.#files !== undefined
  }

  /** True if every wanted piece is verified. A torrent on demand is never finished. */
  get isFinished(): boolean {
    return this.pieces.left === 0 && !this.#content.onDemand
  }

  /** Reads the options again, which may have changed. @returns the files that were not selected before */
  update(verified: Bitfield): number[] {
    const { select } = this.#content
    const before = this.#files
    this.priorities = piecePriorities(this.#metainfo, this.#content)
    this.#files = this.#selectFiles()
    this.pieces.replace(wantedPieces(this.#metainfo, select), verified)
    return [...(this.#files ?? [])].filter(index => !before?.has(index))
  }

  /** Returns the selected files; undefined for none, as for thousands of torrents that only share. */
  #selectFiles(): Bitfield | undefined {
    const files = selectedFiles(this.#metainfo, this.#content.select)
    return files.count > 0 ? files : undefined
  }
}
