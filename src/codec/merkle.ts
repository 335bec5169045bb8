/** Merkle trees of files (BEP 52): SHA-256 over blocks of 16 KiB, with two children for each node. */

import { hash } from 'node:crypto'
import { NODE_LENGTH } from './hash-range.ts'
import { BLOCK_LENGTH } from './message.ts'

export { NODE_LENGTH }

/** The nodes of each layer above leaves that are beyond the end of a file, the lowest layer first. */
const padNodes: Buffer[] = [Buffer.alloc(NODE_LENGTH)]

/** Returns the leaf of a block, which is shorter than 16 KiB only at the end of a file. */
export function leafOf(block: Uint8Array): Buffer {
  return hash('sha256', block, 'buffer')
}

/** Returns the node above two others. */
export function parentHash(left: Uint8Array, right: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([left, right]), 'buffer')
}

/** Returns a node that covers no byte of the file. @param layer 0 for the leaves */
export function padNode(layer: number): Buffer {
  for (let next = padNodes.length; next <= layer; next++) {
    padNodes.push(parentHash(padNodes[next - 1]!, padNodes[next - 1]!))
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

/**
 * Computes the root of a tree from the nodes of one of its layers, in order. It keeps two nodes of each layer.
 *
 * Hashes are passed on as text with a character for each byte, since Node takes twice as long to return a buffer.
 */
export class MerkleHasher {
  readonly #layer: number
  /** Two siblings of each layer, beginning with that of the nodes that are added. The left one waits for the right one. */
  readonly #siblings: Buffer[] = []
  #count = 0

  /** @param layer the layer of the nodes that are added, 0 for leaves */
  constructor(layer = 0) {
    this.#layer = layer
  }

  /** Number of nodes so far. */
  get count(): number {
    return this.#count
  }

  /** Adds the next node. */
  add(node: Uint8Array): void {
    this.#siblingsAt(0).set(node, this.#isLeftWaiting(0) ? NODE_LENGTH : 0)
    this.#join()
  }

  /** Adds the leaf of the next block. */
  addBlock(block: Uint8Array): void {
    const at = this.#isLeftWaiting(0) ? NODE_LENGTH : 0
    this.#siblingsAt(0).write(hash('sha256', block, 'binary'), at, 'latin1')
    this.#join()
  }

  /**
   * Returns the node that is `height` layers above the added ones. What is missing below it is beyond the end of the file.
   * @param height at least `heightOf(count)`
   */
  digest(height: number = heightOf(this.#count)): Buffer {
    let made: Uint8Array | undefined
    for (let at = 0; at < height; at++) {
      const pad = padNode(this.#layer + at)
      if (this.#isLeftWaiting(at)) made = parentHash(this.#leftAt(at), made ?? pad)
      else if (made) made = parentHash(made, pad)
    }
    if (this.#isLeftWaiting(height)) made = this.#leftAt(height)
    return Buffer.from(made ?? padNode(this.#layer + height))
  }

  /** Replaces each pair of siblings by the node above it. */
  #join(): void {
    for (let at = 0; this.#isLeftWaiting(at); at++) {
      const above = this.#isLeftWaiting(at + 1) ? NODE_LENGTH : 0
      this.#siblingsAt(at + 1).write(hash('sha256', this.#siblings[at]!, 'binary'), above, 'latin1')
    }
    this.#count++
  }

  /** The bits of the number of nodes say in which layers a left node waits. */
  #isLeftWaiting(at: number): boolean {
    return ((this.#count >>> at) & 1) === 1
  }

  #leftAt(at: number): Uint8Array {
    return this.#siblings[at]!.subarray(0, NODE_LENGTH)
  }

  #siblingsAt(at: number): Buffer {
    this.#siblings[at] ??= Buffer.alloc(2 * NODE_LENGTH)
    return this.#siblings[at]
  }
}

/** Returns the node that is `height` layers above others. What is missing is beyond the end of the file. */
export function nodeOver(nodes: Uint8Array, layer: number, height: number): Buffer {
  const tree = new MerkleHasher(layer)
  for (let at = 0; at < nodes.length; at += NODE_LENGTH) tree.add(nodes.subarray(at, at + NODE_LENGTH))
  return tree.digest(height)
}
