import type { Layout } from './layout.ts'
import type { Metainfo } from './metainfo.ts'

/** Pieces with the same content: those of files with the same root (BEP 52). */
export class TwinPieces {
  readonly #layout: Layout
  /** For each file with an equal one, the indices of all of them. */
  readonly #groups: ReadonlyMap<number, readonly number[]>

  private constructor(layout: Layout, groups: ReadonlyMap<number, readonly number[]>) {
    this.#layout = layout
    this.#groups = groups
  }

  /** Returns the twins of a torrent, or undefined if no two files have the same root. */
  static of({ files }: Metainfo, layout: Layout): TwinPieces | undefined {
    const groups = new Map<number, readonly number[]>()
    for (const group of equalFiles({ files }))
      if (group.length > 1) for (const index of group) groups.set(index, group)
    return groups.size > 0 ? new TwinPieces(layout, groups) : undefined
  }

  /** Returns the other pieces with the content of a piece. */
  twinsOf(index: number): number[] {
    const { pieceLength } = this.#layout
    const file = this.#layout.fileOf(index * pieceLength)
    const at = index - this.#firstOf(file)
    const others = (this.#groups.get(file) ?? []).filter(other => other !== file)
    // padding after a file is a part of its last piece in a hybrid torrent, unless it ends the torrent
    return others
      .map(other => this.#firstOf(other) + at)
      .filter(other => this.#layout.pieceSize(other) === this.#layout.pieceSize(index))
  }

  #firstOf(file: number): number {
    return this.#layout.files[file]!.offset / this.#layout.pieceLength
  }
}

/** Returns the indices of the files with a root, grouped by content: by length and root. */
export function equalFiles({ files }: Pick<Metainfo, 'files'>): Iterable<readonly number[]> {
  const groups = new Map<string, number[]>()
  for (const [index, { length, piecesRoot }] of files.entries()) {
    if (!piecesRoot) continue
    const key = `${length} ${piecesRoot.toString('latin1')}`
    const equal = groups.get(key)
    if (equal) equal.push(index)
    else groups.set(key, [index])
  }
  return groups.values()
}
