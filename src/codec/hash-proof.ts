/** The proof that hashes belong to a tree (BEP 52). */
import { type HashRange, widthOf } from './hash-range.ts'
import { heightOf, NODE_LENGTH, nodeOver, parentHash } from './merkle.ts'

/**
 * Returns the node above a range, and above its proofs. The hashes are right if it equals a node that is known.
 * @param hashes those of the range, and then the proofs, the lowest first
 */
export function nodeAbove(range: HashRange, hashes: Uint8Array): Buffer {
  const { base, index, length } = range
  const width = widthOf(range)
  let node = nodeOver(hashes.subarray(0, length * NODE_LENGTH), base, heightOf(width))
  let position = index / width
  for (let at = length * NODE_LENGTH; at < hashes.length; at += NODE_LENGTH) {
    const uncle = hashes.subarray(at, at + NODE_LENGTH)
    node = position % 2 === 0 ? parentHash(node, uncle) : parentHash(uncle, node)
    position = Math.floor(position / 2)
  }
  return node
}
