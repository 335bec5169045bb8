import { countProofs, type HashRange, isRangeInTree, rootKey, widthOf } from '../../codec/hash-range.ts'
import { NODE_LENGTH, nodeOver, padNode } from '../../codec/merkle.ts'
import type { FileEntry, Metainfo } from '../../metainfo/metainfo.ts'
import { PieceTrees } from '../../metainfo/piece-trees.ts'
import type { HashSource } from '../../streams/peer/hash-responder.ts'
import { FileHashes } from './file-hashes.ts'
import { LeafHashes, type LeafHashesOptions } from './leaf-hashes.ts'

export interface HashAnswersOptions extends Omit<LeafHashesOptions, 'trees'> {
  readonly metainfo: Metainfo
}

/**
 * The hashes of a torrent for its peers (BEP 52): those of the piece layer from the metadata, and leaves of the pieces that
 * we have. A request for other layers is rejected, as for a range outside of the tree.
 */
export class HashAnswers implements HashSource {
  readonly #metainfo: Metainfo
  readonly #nodes: Buffer
  readonly #leaves: LeafHashes
  /** The files with each root, made at the first request. Equal files have the same root. */
  #files: Map<string, FileHashes[]> | undefined

  private constructor(options: HashAnswersOptions, trees: PieceTrees, nodes: Buffer) {
    this.#metainfo = options.metainfo
    this.#nodes = nodes
    this.#leaves = new LeafHashes({ ...options, trees })
  }

  /** Returns the hashes of a torrent. Returns undefined if its format is v1, or if its piece layers are missing. */
  static of(options: HashAnswersOptions): HashAnswers | undefined {
    const { metainfo } = options
    const trees = PieceTrees.of(metainfo)
    return trees && metainfo.pieceNodes && new HashAnswers(options, trees, metainfo.pieceNodes)
  }

  async findHashes(range: HashRange, servedPiece?: number): Promise<Uint8Array | undefined> {
    this.#files ??= this.#listFiles()
    for (const file of this.#files.get(rootKey(range.root)) ?? []) {
      if (!isRangeInTree(range, file)) return undefined
      if (range.base !== 0 && range.base !== file.pieceLayer) return undefined
      const hashes = await this.#collect(file, range, isPieceInRange(file, range, servedPiece))
      if (hashes) return hashes
    }
    return undefined
  }

  /** Returns the hashes of a range and its proofs; undefined if leaves are missing. @param isOwed see `LeafHashes` */
  async #collect(file: FileHashes, range: HashRange, isOwed: boolean): Promise<Buffer | undefined> {
    const { base, index, length } = range
    const nodes: Uint8Array[] = []
    for (let at = 0; at < length; at++) {
      const node = await this.#nodeAt(file, base, index + at, isOwed)
      if (!node) return undefined
      nodes.push(node)
    }
    let layer = base + Math.log2(widthOf(range))
    for (let proofs = countProofs(range); proofs > 0; proofs--, layer++) {
      const position = Math.floor(index / 2 ** (layer - base))
      const uncle = await this.#nodeAt(file, layer, position % 2 === 0 ? position + 1 : position - 1, isOwed)
      if (!uncle) return undefined
      nodes.push(uncle)
    }
    return Buffer.concat(nodes)
  }

  async #nodeAt(
    file: FileHashes,
    layer: number,
    position: number,
    isOwed: boolean,
  ): Promise<Buffer | undefined> {
    const height = file.pieceLayer - layer
    if (height <= 0) return file.nodeAt(layer, position)
    const piece = Math.floor(position / 2 ** height)
    if (piece >= file.pieceCount) return padNode(layer)
    const leaves = await this.#leaves.leavesOf(file.firstPiece + piece, isOwed)
    const bytes = 2 ** layer * NODE_LENGTH
    const first = (position - piece * 2 ** height) * bytes
    return leaves && nodeOver(leaves.subarray(first, first + bytes), 0, layer)
  }

  #listFiles(): Map<string, FileHashes[]> {
    const { files, pieceLength } = this.#metainfo
    const listed = new Map<string, FileHashes[]>()
    const hasRoot = (file: FileEntry): file is FileEntry & { piecesRoot: Buffer } =>
      file.piecesRoot !== undefined
    for (const file of files.filter(hasRoot)) {
      const key = rootKey(file.piecesRoot)
      const hashes = new FileHashes(file, pieceLength, this.#nodes)
      const equal = listed.get(key)
      if (equal) equal.push(hashes)
      else listed.set(key, [hashes])
    }
    return listed
  }
}

function isPieceInRange(file: FileHashes, { base, index, length }: HashRange, piece?: number): boolean {
  if (piece === undefined) return false
  const leaf = (piece - file.firstPiece) * 2 ** file.pieceLayer
  const width = 2 ** base
  return leaf + 2 ** file.pieceLayer > index * width && leaf < (index + length) * width
}
