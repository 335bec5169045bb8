/** The hashes that the pieces of a v2 or hybrid torrent must have (BEP 52). */

import { createHash, type Hash, hash } from 'node:crypto'
import { checkArgument } from '../codec/check-arguments.ts'
import { NODE_LENGTH } from '../codec/merkle.ts'
import { InputError } from '../errors.ts'
import { nodeHeight } from './content-plan.ts'
import { Layout } from './layout.ts'
import type { Metainfo } from './metainfo.ts'
import { PieceDigest, type PieceShape } from './piece-digest.ts'

/** A piece and its place in the tree of its file. */
export interface TreePlacement extends PieceShape {
  /** Offset of its first byte in the torrent. */
  readonly position: number
}

/** A hash that is given the bytes of a piece in order. */
export interface RunningHash {
  update(bytes: Uint8Array): void
  /** Returns the hash in the form of `expected`. Call it once, at the end. */
  digest(): Uint8Array
}

/**
 * Computes for a piece each kind of hash that the torrent has. The hash of a piece is its node in the Merkle tree of
 * its file; in a hybrid torrent, after its SHA-1 hash.
 */
export class PieceTrees {
  readonly layout: Layout
  readonly #hashes: Buffer | undefined
  readonly #nodes: Buffer

  private constructor(metainfo: Metainfo, nodes: Buffer, layout: Layout) {
    checkArgument('metainfo', metainfo, 'object')
    this.layout = layout
    this.#hashes = metainfo.format === 'hybrid' ? metainfo.hashes : undefined
    this.#nodes = nodes
  }

  /**
   * Returns the trees of a torrent. Returns undefined if its format is v1, or if its piece layers are missing.
   * @param layout that of the torrent @default a new one
   */
  static of(metainfo: Metainfo, layout?: Layout): PieceTrees | undefined {
    checkArgument('metainfo', metainfo, 'object')
    const { pieceNodes } = metainfo
    return pieceNodes && new PieceTrees(metainfo, pieceNodes, layout ?? new Layout(metainfo))
  }

  /** Returns the place of a piece. Each piece lies in one file. */
  placementOf(index: number): TreePlacement {
    const { layout } = this
    const { position, length: size } = layout.pieceRange(index)
    const file = layout.files[layout.fileOf(position)]!
    const length = Math.min(size, file.offset + file.length - position)
    const height = nodeHeight(file.length, layout.pieceLength)
    return { position, length, height, ...(this.#hashes ? { padding: size - length } : {}) }
  }

  /** Returns the hash that a piece must have. */
  expected(index: number): Uint8Array {
    const sha1 = this.#sha1Of(index)
    return sha1 ? Buffer.concat([sha1, this.nodeOf(index)]) : this.nodeOf(index)
  }

  /** Returns the node of a piece in the tree of its file. */
  nodeOf(index: number): Buffer {
    return this.#nodes.subarray(index * NODE_LENGTH, (index + 1) * NODE_LENGTH)
  }

  /**
   * Returns an error if exactly one hash of a piece of a hybrid torrent is the expected one. Then no data has both, and the
   * piece would be downloaded without end.
   * @param digest in the form of `expected`
   */
  findContradiction(index: number, digest: Uint8Array): InputError | undefined {
    const sha1 = this.#sha1Of(index)
    if (!sha1) return undefined
    const hasSha1 = sha1.equals(digest.subarray(0, sha1.length))
    if (hasSha1 === this.nodeOf(index).equals(digest.subarray(sha1.length))) return undefined
    return new InputError(
      'ERR_METAINFO',
      `piece ${index} matches only one of its two hashes: the v1 and v2 parts of the torrent differ`,
    )
  }

  /** Returns the hash of a piece with verified blocks, in the form of `expected`. */
  digestVerified(index: number, bytes: Uint8Array): Uint8Array {
    return this.#hashes
      ? Buffer.concat([hash('sha1', bytes, 'buffer'), this.nodeOf(index)])
      : this.nodeOf(index)
  }

  #sha1Of(index: number): Buffer | undefined {
    return this.#hashes?.subarray(index * 20, (index + 1) * 20)
  }

  /** Begins to hash a piece, which has the length of `Layout.pieceSize`. */
  begin(index: number): RunningHash {
    const { height, length } = this.placementOf(index)
    return new RunningTreeHash(length, height, this.#hashes !== undefined)
  }
}

class RunningTreeHash implements RunningHash {
  readonly #tree = new PieceDigest(false)
  readonly #sha1: Hash | undefined
  readonly #length: number
  readonly #height: number

  constructor(length: number, height: number, hasSha1: boolean) {
    this.#length = length
    this.#height = height
    if (hasSha1) this.#sha1 = createHash('sha1')
  }

  update(bytes: Uint8Array): void {
    this.#sha1?.update(bytes)
    // The tree covers the file, and not the padding after it.
    this.#tree.update(bytes.subarray(0, this.#length - this.#tree.length))
  }

  digest(): Uint8Array {
    const node = this.#tree.node(this.#height)
    return this.#sha1 ? Buffer.concat([this.#sha1.digest(), node]) : node
  }
}
