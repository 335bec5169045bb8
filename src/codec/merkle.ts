/** Merkle trees of files (BEP 52): SHA-256 over blocks of 16 KiB, with two children for each node. */
import { createHash } from 'node:crypto'
import { BLOCK_LENGTH } from './message.ts'

/** Length of a hash in a tree, in bytes. */
export const NODE_LENGTH = 32

/** The nodes of each layer above leaves that are beyond the end of a file, the lowest layer first. */
const padNodes: Buffer[] = [Buffer.alloc(NODE_LENGTH)]

/** Returns the leaf of a block, which is shorter than 16 KiB only at the end of a file. */
export function leafOf(block: Uint8Array): Buffer {
  return createHash('sha256').update(block).digest()
}

/** Returns the node above two others. */
export function parentOf(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash('sha256').update(left).update(right).digest()
}

/** Returns a node that covers no byte of the file. @param layer 0 for the leaves */
export function padNode(layer: number): Buffer {
  for (let next = padNodes.length; next <= layer; next++) {
    padNodes.push(parentOf(padNodes[next - 1]!, padNodes[next - 1]!))
  }
  return padNodes[layer]!
}

/** Returns the number of blocks of `length` bytes. */
export function blocksOf(length: number): number {
  return Math.ceil(length / BLOCK_LENGTH)
}

/** Returns the number of layers above `count` nodes, up to the node that covers all of them. */
export function heightOf(count: number): number {
  return count <= 1 ? 0 : Math.ceil(Math.log2(count))
}

/** Computes the root of a tree from the nodes of one of its layers, in order. It keeps one node of each layer. */
export class MerkleHasher {
  readonly #layer: number
  /** The left nodes of each layer that wait for the right ones, beginning with the layer of the nodes that are added. */
  readonly #waiting: (Uint8Array | undefined)[] = []
  #count = 0

  /** @param layer the layer of the nodes that are added, 0 for leaves */
  constructor(layer = 0) {
    this.#layer = layer
  }

  /** Number of nodes so far. */
  get count(): number {
    return this.#count
  }

  /** Adds the next node. It must not change afterwards. */
  add(node: Uint8Array): void {
    let made = node
    let at = 0
    for (let left = this.#waiting[at]; left; left = this.#waiting[++at]) {
      made = parentOf(left, made)
      this.#waiting[at] = undefined
    }
    this.#waiting[at] = made
    this.#count++
  }

  /**
   * Returns the node that is `height` layers above the added ones. What is missing below it is beyond the end of the file.
   * @param height at least `heightOf(count)`
   */
  digest(height: number = heightOf(this.#count)): Buffer {
    let made: Uint8Array | undefined
    for (let at = 0; at < height; at++) {
      const left = this.#waiting[at]
      if (left) made = parentOf(left, made ?? padNode(this.#layer + at))
      else if (made) made = parentOf(made, padNode(this.#layer + at))
    }
    return Buffer.from(this.#waiting[height] ?? made ?? padNode(this.#layer + height))
  }
}
