import fc from 'fast-check'
import t from 'tap'
import { nodeAbove } from '../../../src/codec/hash-proof.ts'
import {
  countProofs,
  decodeHashes,
  decodeRange,
  encodeRange,
  type HashRange,
  isRangeInTree,
  RANGE_BYTES,
  rangeKey,
  widthOf,
} from '../../../src/codec/hash-range.ts'
import { nodeOver } from '../../../src/codec/merkle.ts'
import { parse } from '../../../src/metainfo/parse.ts'
import { HashAnswers } from '../../../src/pipeline/hashes/hash-answers.ts'
import { noise } from '../../helpers/metainfo.ts'
import { dict, layersOf, rootOf, sha256, v2Torrent } from '../../helpers/v2-torrent.ts'
import { VirtualClock } from '../../helpers/virtual-clock.ts'

const BLOCK_BYTES = 16_384

function answersOf(content: Buffer, pieceLength: number, has: (index: number) => boolean = () => true) {
  const metainfo = parse(v2Torrent({ a: content }, pieceLength))
  let bytesRead = 0
  const clock = new VirtualClock()
  const answers = HashAnswers.of({
    ...{ metainfo, clock, upload: { has } },
    reads: {
      read: async (position, target) => {
        bytesRead += target.length
        return content.copy(target, 0, position, position + target.length)
      },
    },
  })!
  return { answers, layers: layersOf(content), root: rootOf(content), bytesRead: () => bytesRead }
}

for (const blocks of [2, 3, 5, 8, 13]) {
  for (const piece of [1, 2, 4]) {
    t.test(`${blocks} blocks in pieces of ${piece}: every answer has a valid proof`, async t => {
      const content = noise(blocks * BLOCK_BYTES - 7, 5)
      const { answers, layers, root } = answersOf(content, piece * BLOCK_BYTES)
      const height = layers.length - 1
      const pieceLayer = Math.min(height, Math.log2(piece))
      const tree = { height, countNodes: (layer: number) => Math.ceil(blocks / 2 ** layer) }
      for (let base = 0; base <= height; base++) {
        for (let length = 1; length <= 16; length++) {
          for (let index = 0; index < 16; index += length) {
            const range: HashRange = {
              root,
              base,
              index,
              length,
              proofLayers: Math.max(0, height - base - 1),
            }
            const found = await answers.findHashes(range)
            const served = (base === 0 || base === pieceLayer) && isRangeInTree(range, tree)
            if (!served) t.equal(found, undefined, `${base} ${index} ${length}`)
            else t.same(nodeAbove(range, found!), root, `${base} ${index} ${length}`)
          }
        }
      }
    })
  }
}

t.test('513 and more pieces: layers above the requested ones are right, also beyond the end', async t => {
  const content = noise(1100 * BLOCK_BYTES, 6)
  const { answers, layers, root } = answersOf(content, BLOCK_BYTES)
  const height = layers.length - 1
  for (const [index, length] of [
    [0, 512],
    [512, 512],
    [1024, 512],
    [1536, 512],
    [1098, 2],
    [1100, 4],
    [1024, 76],
  ] as const) {
    const range = { root, base: 0, index, length, proofLayers: height - 1 }
    t.same(nodeAbove(range, (await answers.findHashes(range))!), root, `${index}`)
  }
})

t.test('leaves are read only of pieces that we have, once, and not without end', async t => {
  const pieceLength = 64 * BLOCK_BYTES
  const content = noise(2 * pieceLength, 7)
  const { answers, bytesRead, root } = answersOf(content, pieceLength, index => index === 0)
  const leaves = (index: number) => answers.findHashes({ root, base: 0, index, length: 64, proofLayers: 5 })
  t.equal((await leaves(0))?.length, 64 * 32)
  t.equal((await leaves(0))?.length, 64 * 32)
  t.equal(bytesRead(), pieceLength)
  t.equal(await leaves(64), undefined)
})

t.test('a piece that was changed on the disk gives no leaves', async t => {
  const content = noise(4 * BLOCK_BYTES, 8)
  const { answers, root } = answersOf(content, 2 * BLOCK_BYTES)
  content[5]! ^= 1
  const range = { root, base: 0, length: 2, proofLayers: 0 }
  t.equal(await answers.findHashes({ ...range, index: 0 }), undefined)
  t.ok(await answers.findHashes({ ...range, index: 2 }))
})

t.test('a request for another root is rejected', async t => {
  const { answers } = answersOf(noise(4 * BLOCK_BYTES, 8), BLOCK_BYTES)
  for (const root of [noise(32, 1), Buffer.alloc(32)]) {
    t.equal(await answers.findHashes({ root, base: 0, index: 0, length: 2, proofLayers: 0 }), undefined)
  }
})

t.test('random ranges get a proven answer of the right length, or none', async t => {
  const blocks = 13
  const { answers, layers, root } = answersOf(noise(blocks * BLOCK_BYTES - 7, 5), 4 * BLOCK_BYTES)
  const height = layers.length - 1
  const tree = { height, countNodes: (layer: number) => Math.ceil(blocks / 2 ** layer) }
  const any = { weight: 1, arbitrary: fc.nat(0xffffffff) }
  const number = (most: number) => fc.oneof({ weight: 24, arbitrary: fc.nat(most) }, any)
  const even = { weight: 12, arbitrary: fc.constantFrom(0, 4, 8, 12) }
  const power = { weight: 12, arbitrary: fc.constantFrom(1, 2, 4, 5, 8, 16) }
  const few = { weight: 6, arbitrary: fc.nat(17) }
  const numbers = {
    ...{ base: number(3), proofLayers: number(4) },
    ...{ index: fc.oneof(even, few, any), length: fc.oneof(power, few, any) },
  }
  let answered = 0
  await fc.assert(
    fc.asyncProperty(fc.record(numbers), async given => {
      const range = { root, ...given }
      const body = Buffer.alloc(RANGE_BYTES)
      encodeRange(range, body, 0)
      if (rangeKey(decodeRange(body)) !== rangeKey(range)) throw new Error('another range')
      const found = await answers.findHashes(range)
      const isServed = (range.base === 0 || range.base === 2) && isRangeInTree(range, tree)
      if ((found !== undefined) !== isServed) throw new Error(isServed ? 'no answer' : 'an answer')
      if (!found) return
      answered++
      const { hashes } = decodeHashes(Buffer.concat([body, found]))
      const above = range.base + Math.log2(widthOf(range)) + countProofs(range)
      const position = Math.floor((range.index * 2 ** range.base) / 2 ** above)
      if (!nodeAbove(range, hashes).equals(layers[above]![position]!)) throw new Error('a wrong proof')
      const wrong = Buffer.from(hashes)
      wrong[range.index % wrong.length]! ^= 1
      if (nodeAbove(range, wrong).equals(layers[above]![position]!))
        throw new Error('a wrong hash is accepted')
    }),
    { numRuns: 1000, examples: [[{ base: 0, index: 8, length: 5, proofLayers: 3 }]] },
  )
  t.ok(answered > 10, `${answered} answered`)
})

t.test('a peer that gets a block of a piece has its leaves later, where others are rejected', async t => {
  const pieceLength = 512 * BLOCK_BYTES
  // the pieces are equal, so that the tree is made from one of them
  const leaf = sha256(Buffer.alloc(BLOCK_BYTES))
  const node = nodeOver(Buffer.concat(Array.from({ length: 512 }, () => leaf)), 0, 9)
  const layer = Buffer.concat(Array.from({ length: 18 }, () => node))
  const root = nodeOver(layer, 9, 5)
  const file = new Map([['', dict({ length: 18 * pieceLength, 'pieces root': root })]])
  const torrent = v2Torrent({}, pieceLength, {
    info: { 'file tree': dict({ a: file }) },
    top: { 'piece layers': dict({ [root.toString('latin1')]: layer }) },
  })
  const clock = new VirtualClock()
  let bytesRead = 0
  const read = async (_position: number, target: Uint8Array) => {
    bytesRead += target.length
    return target.fill(0).length
  }
  const options = { metainfo: parse(torrent), clock, upload: { has: () => true }, reads: { read } }
  const answers = HashAnswers.of(options)!
  const find = (piece: number, servedPiece?: number) =>
    answers.findHashes({ root, base: 0, index: 512 * piece, length: 512, proofLayers: 8 }, servedPiece)
  for (let piece = 0; piece < 16; piece++) t.ok(await find(piece), 'a burst of 128 MiB')
  t.equal(await find(16), undefined)
  t.equal(await find(16, 17), undefined, 'a block of another piece')
  const before = bytesRead
  t.ok(await find(16, 16), 'without a debt at once')
  const leaves = find(17, 17)
  await clock.advance(200)
  t.equal(bytesRead, before + pieceLength)
  await clock.advance(100)
  t.equal((await leaves)?.length, 512 * 32)
})
