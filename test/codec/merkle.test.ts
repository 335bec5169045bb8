import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import {
  blocksOf,
  heightOf,
  leafOf,
  MerkleHasher,
  NODE_LENGTH,
  padNode,
  parentHash,
} from '../../src/codec/merkle.ts'

const sha256 = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest()
const zeros = Buffer.alloc(NODE_LENGTH)
const nodes = (count: number) => Array.from({ length: count }, (_, index) => sha256(Buffer.from(`${index}`)))

/** Computes a root layer by layer, with all nodes. */
function rootOf(leaves: readonly Buffer[], width: number): Buffer {
  let layer = [...leaves, ...Array.from({ length: width - leaves.length }, () => zeros)]
  while (layer.length > 1) {
    layer = Array.from({ length: layer.length / 2 }, (_, at) => sha256(layer[2 * at]!, layer[2 * at + 1]!))
  }
  return layer[0]!
}

const hashed = (leaves: readonly Buffer[], layer = 0) => {
  const hasher = new MerkleHasher(layer)
  for (const leaf of leaves) hasher.add(leaf)
  return hasher
}

t.test('a leaf is the hash of a block, a node that of its children', async t => {
  t.same(leafOf(Buffer.from('ab')), sha256(Buffer.from('ab')))
  t.same(parentHash(zeros, leafOf(zeros)), sha256(zeros, sha256(zeros)))
})

t.test('a pad node is zero at the leaves, and above them the hash of two pad nodes', async t => {
  t.same(padNode(0), zeros)
  t.same(padNode(3), rootOf([], 8))
  t.same(padNode(1), sha256(zeros, zeros))
})

t.test('blocks and layers are counted at the borders', async t => {
  t.same([0, 1, 16384, 16385, 32768].map(blocksOf), [0, 1, 1, 2, 2])
  t.same([0, 1, 2, 3, 4, 5, 512, 513].map(heightOf), [0, 0, 1, 2, 2, 3, 9, 10])
})

t.test('the root of one leaf is the leaf', async t => {
  const [leaf] = nodes(1)
  t.same(hashed([leaf!]).digest(), leaf)
})

t.test('roots of 0 to 40 leaves are those of the whole tree, also below a higher root', async t => {
  for (let count = 0; count <= 40; count++) {
    const leaves = nodes(count)
    const height = heightOf(count)
    t.same(hashed(leaves).digest(), rootOf(leaves, 2 ** height), `${count}`)
    t.same(hashed(leaves).digest(height + 2), rootOf(leaves, 2 ** (height + 2)), `${count}, higher`)
  }
})

t.test('the root of a layer is that of its leaves', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 0, max: 4 }), (count, layer) => {
      const leaves = nodes(count)
      const width = 2 ** layer
      const above = Array.from({ length: Math.ceil(count / width) }, (_, at) =>
        hashed(leaves.slice(at * width, (at + 1) * width)).digest(layer),
      )
      const height = heightOf(above.length)
      return hashed(above, layer)
        .digest(height)
        .equals(hashed(leaves).digest(layer + height))
    }),
  )
})
