import type { TreeShape } from '../../codec/hash-range.ts'
import { blocksOf, heightOf, NODE_LENGTH, nodeOver, padNode } from '../../codec/merkle.ts'
import { runInTurns } from '../../codec/steps.ts'
import { nodeHeight } from '../../metainfo/content-plan.ts'
import type { FileEntry } from '../../metainfo/metainfo.ts'

/** Layers above the nodes of pieces that are computed for each request. The layers above those are kept. */
const COMPUTED_LAYERS = 9
/** Nodes below one node of the lowest layer that is kept. */
const NODES_PER_KEPT = 2 ** COMPUTED_LAYERS

/** The upper part of the Merkle tree of a file: the nodes of its pieces, and all nodes above them (BEP 52). */
export class FileHashes implements TreeShape {
  /** Number of layers above the leaves. */
  readonly height: number
  /** The layer of the nodes of the pieces. */
  readonly pieceLayer: number
  /** The first piece of the file. */
  readonly firstPiece: number
  readonly pieceCount: number
  readonly #blockCount: number
  readonly #nodes: Buffer
  /** The layers from `COMPUTED_LAYERS` above the pieces to the root, without padding. */
  #kept: Promise<readonly Buffer[]> | undefined

  /** @param nodes those of all pieces of the torrent */
  constructor({ length, offset }: FileEntry, pieceLength: number, nodes: Buffer) {
    this.#blockCount = blocksOf(length)
    this.height = heightOf(this.#blockCount)
    this.pieceLayer = nodeHeight(length, pieceLength)
    this.firstPiece = offset / pieceLength
    this.pieceCount = Math.ceil(length / pieceLength)
    this.#nodes = nodes.subarray(
      this.firstPiece * NODE_LENGTH,
      (this.firstPiece + this.pieceCount) * NODE_LENGTH,
    )
  }

  countNodes(layer: number): number {
    return Math.ceil(this.#blockCount / 2 ** layer)
  }

  /** Returns a node. @param layer not below that of the pieces @param position in the layer */
  async nodeAt(layer: number, position: number): Promise<Buffer> {
    const height = layer - this.pieceLayer
    if (height <= COMPUTED_LAYERS) return this.#compute(height, position)
    this.#kept ??= runInTurns(this.#computeKept())
    const kept = (await this.#kept)[height - COMPUTED_LAYERS]!
    const node = kept.subarray(position * NODE_LENGTH, (position + 1) * NODE_LENGTH)
    return node.length > 0 ? node : padNode(layer)
  }

  #compute(height: number, position: number): Buffer {
    const first = position * 2 ** height * NODE_LENGTH
    if (height === 0 && first < this.#nodes.length) return this.#nodes.subarray(first, first + NODE_LENGTH)
    return nodeOver(this.#nodes.subarray(first, first + 2 ** height * NODE_LENGTH), this.pieceLayer, height)
  }

  *#computeKept(): Generator<undefined, readonly Buffer[]> {
    let layer = Buffer.alloc(Math.ceil(this.pieceCount / NODES_PER_KEPT) * NODE_LENGTH)
    for (let at = 0; at < layer.length; at += NODE_LENGTH) {
      layer.set(this.#compute(COMPUTED_LAYERS, at / NODE_LENGTH), at)
      yield
    }
    const kept = [layer]
    for (let at = this.pieceLayer + COMPUTED_LAYERS; at < this.height; at++) {
      const below = layer
      layer = Buffer.alloc(Math.ceil(below.length / NODE_LENGTH / 2) * NODE_LENGTH)
      for (let node = 0; node < layer.length; node += NODE_LENGTH) {
        layer.set(nodeOver(below.subarray(2 * node, 2 * node + 2 * NODE_LENGTH), at, 1), node)
        if (node % (NODES_PER_KEPT * NODE_LENGTH) === 0) yield
      }
      kept.push(layer)
    }
    return kept
  }
}
