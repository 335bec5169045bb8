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
  /** The selected files, by index. */
  files: Bitfield
  /** The priority of each piece; 0 for one that is not wanted. Undefined while `content.wanted` says which are. */
  priorities: Uint8Array | undefined

  constructor(metainfo: Metainfo, content: ContentOptions, layout: Layout) {
    const { select, wanted } = content
    this.#metainfo = metainfo
    this.#content = content
    this.priorities = wanted ? undefined : piecePriorities(metainfo, content)
    this.pieces = new WantedPieces(wanted ?? wantedPieces(metainfo, select), layout)
    this.files = selectedFiles(metainfo, select)
  }

  /** False for a seed, which leaves its files as they are. */
  get writes(): boolean {
    return this.files.count > 0
  }

  /** True if every wanted piece is verified. A torrent on demand is never finished. */
  get isFinished(): boolean {
    return this.pieces.left === 0 && !this.#content.onDemand
  }

  /** Reads the options again, which may have changed. @returns the files that were not selected before */
  update(verified: Bitfield): number[] {
    const { select } = this.#content
    const before = this.files
    this.priorities = piecePriorities(this.#metainfo, this.#content)
    this.files = selectedFiles(this.#metainfo, select)
    this.pieces.replace(wantedPieces(this.#metainfo, select), verified)
    return [...this.files].filter(index => !before.has(index))
  }
}
