import t from 'tap'
import { nodeAbove } from '../../src/codec/hash-proof.ts'
import {
  countProofs,
  decodeHashes,
  encodeRange,
  type HashRange,
  isRange,
  isRangeInTree,
  rangeLength,
} from '../../src/codec/hash-range.ts'
import { PeerError } from '../../src/errors.ts'
import { noise } from '../helpers/metainfo.ts'
import { layersOf, rootOf } from '../helpers/v2-torrent.ts'

const root = noise(32, 1)
const range = (base: number, index: number, length: number, proofLayers: number): HashRange => ({
  ...{ root, base, index, length, proofLayers },
})

const treeOf = (blocks: number) => ({
  height: Math.ceil(Math.log2(blocks)),
  countNodes: (layer: number) => Math.ceil(blocks / 2 ** layer),
})

t.test(
  'BEP 52: length is at most 512, and index is a multiple of it, rounded up to a power of two',
  async t => {
    const good = [range(0, 0, 2, 0), range(0, 512, 512, 0), range(3, 6, 2, 9), range(0, 4, 3, 0)]
    for (const right of [...good, range(0, 512, 1, 0)]) t.ok(isRange(right))
    const bad = [
      range(0, 0, 0, 0),
      range(0, 1, 1, 0),
      range(0, 3, 3, 0),
      range(0, 1, 2, 0),
      range(0, 0, 1024, 0),
    ]
    for (const wrong of [...bad, range(0, 0, 2, 0xffffffff), range(0xffffffff, 0, 2, 0)])
      t.notOk(isRange(wrong))
  },
)

t.test('a range belongs to a tree only if its hashes and proofs are in the tree', async t => {
  const tree = treeOf(8)
  t.ok(isRangeInTree(range(0, 6, 2, 2), tree))
  t.notOk(isRangeInTree(range(0, 8, 2, 2), tree), 'after the end')
  t.notOk(isRangeInTree(range(0, 6, 2, 3), tree), 'a proof at the root')
  t.notOk(isRangeInTree(range(3, 0, 2, 0), tree), 'above the root')
})

t.test('BEP 52: a length that is no power of two ends with its layer', async t => {
  for (const right of [range(0, 4, 3, 1), range(0, 0, 7, 0), range(1, 0, 4, 1), range(0, 4, 4, 1)])
    t.ok(isRangeInTree(right, treeOf(7)))
  for (const wrong of [range(0, 0, 3, 1), range(0, 4, 1, 1), range(1, 0, 3, 1), range(0, 0, 5, 0)])
    t.notOk(isRangeInTree(wrong, treeOf(7)))
  t.ok(isRangeInTree(range(0, 512, 1, 9), treeOf(513)), '513 pieces: the last one alone')
  t.equal(countProofs(range(0, 512, 1, 9)), 9, 'as for it and its padding')
})

t.test('BEP 52: the first log2(length)-1 proof layers are omitted', async t => {
  t.same(
    [range(0, 0, 2, 0), range(0, 0, 2, 1), range(0, 0, 2, 5), range(0, 0, 8, 2), range(0, 0, 8, 3)].map(
      countProofs,
    ),
    [0, 1, 5, 0, 1],
  )
})

t.test('hashes with another number of hashes than their range has are rejected', async t => {
  const body = (input: HashRange, hashes: number) => {
    const bytes = Buffer.alloc(48 + hashes * 32)
    encodeRange(input, bytes, 0)
    return bytes
  }
  t.equal(decodeHashes(body(range(0, 4, 4, 3), 6)).hashes.length, 6 * 32)
  for (const hashes of [0, 4, 5, 7]) t.throws(() => decodeHashes(body(range(0, 4, 4, 3), hashes)), PeerError)
  t.throws(() => decodeHashes(body(range(0, 512, 1, 2), 1)), PeerError, '513 pieces: length 1')
  t.throws(() => decodeHashes(body(range(0, 0, 0, 0), 0)), PeerError)
  t.throws(() => decodeHashes(body(range(0, 0, 2, 0xffffffff), 2)), PeerError)
})

t.test('the node above a range is that of the tree, for each range and each number of proofs', async t => {
  const content = noise(13 * 16_384 + 5, 2)
  const layers = layersOf(content)
  for (let base = 0; base < 4; base++) {
    for (let width = 2; base + Math.log2(width) <= 4; width *= 2) {
      for (let index = 0; index < 2 ** (4 - base); index += width) {
        for (let proofLayers = 0; proofLayers < 4 - base; proofLayers++) {
          // The layer ends after these nodes, and may cut the range.
          const length = Math.min(width, Math.ceil(14 / 2 ** base) - index)
          if (length <= width / 2) continue
          const input = range(base, index, length, proofLayers)
          const hashes = layers[base]!.slice(index, index + length)
          let layer = base + Math.log2(width)
          let position = index / width
          for (let proof = 0; proof < countProofs(input); proof++, layer++, position >>= 1) {
            hashes.push(layers[layer]![position ^ 1]!)
          }
          t.same(nodeAbove(input, Buffer.concat(hashes)), layers[layer]![position])
        }
      }
    }
  }
  t.same(layers[4]![0], rootOf(content))
})

t.test('ranges are rounded up to a power of two', async t => {
  t.same([1, 2, 3, 5, 512, 513].map(rangeLength), [2, 2, 4, 8, 512, 512])
})
