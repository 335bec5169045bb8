import t, { type Test } from 'tap'
import { leafOf } from '../../../src/codec/merkle.ts'
import { BLOCK_LENGTH } from '../../../src/codec/message.ts'
import { parse } from '../../../src/metainfo/parse.ts'
import { PieceTrees } from '../../../src/metainfo/piece-trees.ts'
import { BlockVerification, type WrongBlock } from '../../../src/pipeline/pieces/block-verification.ts'
import { WrongBlocks } from '../../../src/pipeline/pieces/wrong-blocks.ts'
import { BLOCK_STATE, PieceBuffer } from '../../../src/streams/piece-buffer.ts'
import { Verifier } from '../../../src/streams/torrent/verifier.ts'
import { noise } from '../../helpers/metainfo.ts'
import { HYBRID_PIECE_LENGTH, hybridFiles, hybridInfo, v2Torrent } from '../../helpers/v2-torrent.ts'
import { settle } from '../../helpers/virtual-clock.ts'

const PIECE_LENGTH = 4 * BLOCK_LENGTH
const content = noise(2 * PIECE_LENGTH + BLOCK_LENGTH + 100, 1)
const metainfo = parse(v2Torrent({ a: content }, PIECE_LENGTH))
const trees = PieceTrees.of(metainfo)!
const bytesOf = (index: number) =>
  content.subarray(index * PIECE_LENGTH, Math.min((index + 1) * PIECE_LENGTH, content.length))

function leavesOf(bytes: Uint8Array): Buffer {
  const leaves: Buffer[] = []
  for (let at = 0; at < bytes.length; at += BLOCK_LENGTH)
    leaves.push(leafOf(bytes.subarray(at, at + BLOCK_LENGTH)))
  return Buffer.concat(leaves)
}

/** Returns a piece with blocks that `giver` sent. */
function pieceOf(index: number, bytes: Uint8Array = bytesOf(index)) {
  const piece = new PieceBuffer(index, bytes.length)
  const put = (block: number, giver: unknown = 'a', wrong = false) => {
    const part = Buffer.from(bytes.subarray(block * BLOCK_LENGTH, (block + 1) * BLOCK_LENGTH))
    if (wrong) part[7]! ^= 1
    return piece.put(block * BLOCK_LENGTH, part, giver)
  }
  return { piece, put }
}

/** Creates a verifier with a peer that sends these leaves. */
function setup(t: Test, fetchLeaves = async (index: number) => leavesOf(bytesOf(index)), hashes = trees) {
  const blocks = new BlockVerification(hashes, { fetchLeaves })
  const stage = new Verifier({ hashes, blocks, onCorrupt: piece => corrupt.push(piece) })
  const corrupt: PieceBuffer[] = []
  const passed: number[] = []
  const readable: number[] = []
  const wrong: WrongBlock[] = []
  const errors: Error[] = []
  stage.on('data', ({ index }) => passed.push(index))
  stage.on('error', error => errors.push(error))
  blocks.on('verified', index => readable.push(index))
  blocks.on('wrong', (_piece, some) => wrong.push(...some))
  t.teardown(() => stage.destroy())
  return { blocks, stage, corrupt, passed, readable, wrong, errors }
}

t.test('BEP 52: with its leaves known, each block is verified when it arrives', async t => {
  const { blocks, stage, passed, readable } = setup(t)
  t.equal(await blocks.fetch(0), true)
  const { piece, put } = pieceOf(0)
  t.equal(piece.verifiedBytes(0), undefined)
  for (const block of [2, 1]) stage.write(put(block))
  await settle()
  t.equal(piece.verifiedBytes(0), undefined, 'block 0 is missing')
  t.same(piece.verifiedBytes(BLOCK_LENGTH + 5), bytesOf(0).subarray(BLOCK_LENGTH + 5, 3 * BLOCK_LENGTH))
  stage.write(put(0))
  await settle()
  t.same(readable, [0, 0, 0])
  t.same(piece.verifiedBytes(0), bytesOf(0).subarray(0, 3 * BLOCK_LENGTH))
  t.same(passed, [])
  stage.write(put(3))
  await settle()
  t.same(passed, [0])
  blocks.forget(0)
  t.equal(blocks.knows(0), false)
})

t.test('the short last block of a file is verified alone', async t => {
  const { blocks, stage, passed } = setup(t)
  t.equal(await blocks.fetch(2), true)
  const { piece, put } = pieceOf(2)
  stage.write(put(1))
  await settle()
  t.same(piece.verifiedBytes(BLOCK_LENGTH), content.subarray(2 * PIECE_LENGTH + BLOCK_LENGTH))
  stage.write(put(0))
  await settle()
  t.same(passed, [2])
})

t.test('a wrong block is given up alone, and its giver is named', async t => {
  const { blocks, stage, passed, wrong, corrupt } = setup(t)
  await blocks.fetch(1)
  const { piece, put } = pieceOf(1)
  stage.write(put(0, 'honest'))
  stage.write(put(1, 'liar', true))
  await settle()
  t.same(wrong, [{ block: 1, giver: 'liar' }])
  t.same([...piece.states], [BLOCK_STATE.arrived, BLOCK_STATE.free, BLOCK_STATE.free, BLOCK_STATE.free])
  t.equal(piece.givers[1], undefined)
  for (const block of [2, 3, 1]) stage.write(put(block, 'honest'))
  await settle()
  t.same(passed, [1])
  t.same(corrupt, [])
})

t.test(
  'a wrong piece is kept until its leaves have come: only its wrong blocks are fetched again',
  async t => {
    const { blocks, stage, passed, wrong, corrupt, readable } = setup(t)
    const { piece, put } = pieceOf(0)
    for (const block of [0, 1, 2, 3]) stage.write(put(block, `peer ${block}`, block === 2))
    await settle()
    t.same(corrupt, [piece])
    t.equal(piece.closed, true)
    t.equal(await blocks.fetch(0), true)
    t.equal(blocks.verify(piece), true)
    t.same(wrong, [{ block: 2, giver: 'peer 2' }])
    t.same(readable, [0])
    t.match(piece, { closed: false, free: 1, arrived: 3 })
    stage.write(put(2, 'peer 0'))
    await settle()
    t.same(passed, [0])
  },
)

t.test('leaves that do not match the node of the piece, or none, leave it to the whole piece', async t => {
  for (const leaves of [
    leavesOf(noise(PIECE_LENGTH, 9)),
    leavesOf(bytesOf(0)).subarray(32),
    Buffer.concat([leavesOf(bytesOf(0)), Buffer.alloc(32)]),
    Buffer.alloc(0),
    undefined,
  ]) {
    const { blocks, stage, passed } = setup(t, async () => leaves!)
    t.equal(await blocks.fetch(0), false)
    const { piece, put } = pieceOf(0)
    for (const block of [0, 1, 2, 3]) stage.write(put(block))
    await settle()
    t.equal(piece.isVerified(0), false)
    t.same(passed, [0])
  }
  const { blocks } = setup(t, () => Promise.reject(new Error('no peer')))
  t.equal(await blocks.fetch(0), false)
})

t.test('leaves are asked for once at a time, and few for readers', async t => {
  const asked: number[] = []
  const { blocks } = setup(t, index => {
    asked.push(index)
    return new Promise(() => {})
  })
  for (const index of [0, 0, 1, 2, 3, 4, 5]) void blocks.prefetch(index)
  t.same(asked, [0, 1, 2, 3])
  void blocks.fetch(1)
  void blocks.fetch(9)
  t.same(asked, [0, 1, 2, 3, 9])
})

t.test('hybrid: the padding after a file is zero, and the SHA-1 hash is checked too', async t => {
  const hybrid = parse(v2Torrent(hybridFiles, HYBRID_PIECE_LENGTH, { info: hybridInfo }))
  const { blocks, stage, passed, wrong } = setup(
    t,
    async () => leavesOf(hybridFiles.a),
    PieceTrees.of(hybrid),
  )
  t.equal(await blocks.fetch(0), true)
  const bytes = Buffer.alloc(HYBRID_PIECE_LENGTH)
  bytes.set(hybridFiles.a)
  bytes[20] = 1
  const { put } = pieceOf(0, bytes)
  stage.write(put(0, 'liar'))
  stage.write(put(1))
  await settle()
  t.same(wrong, [{ block: 0, giver: 'liar' }])
  bytes[20] = 0
  stage.write(put(0))
  await settle()
  t.same(passed, [0])
})

t.test(
  'a peer gets a strike for the wrong blocks of a piece, and one for each that is wrong again',
  async t => {
    const wrong = new WrongBlocks<string>()
    t.same(
      [0, 1, 2].map(block => wrong.add(0, block, 'a')),
      [true, false, false],
    )
    t.equal(wrong.add(0, 1, 'b'), true)
    t.equal(wrong.add(0, 1, 'a'), true)
    t.equal(wrong.add(1, 0, 'a'), true)
    wrong.forget(0)
    t.equal(wrong.add(0, 2, 'a'), true)
  },
)
