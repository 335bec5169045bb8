import t from 'tap'
import { Bitfield } from '../../../src/codec/bitfield.ts'
import type { Message } from '../../../src/codec/message.ts'
import { FixedWindow } from '../../../src/streams/peer/fixed-window.ts'
import { Requester } from '../../../src/streams/peer/requester.ts'
import { SequentialBlocks } from '../../../src/streams/peer/sequential-blocks.ts'
import type { PieceBuffer } from '../../../src/streams/piece-buffer.ts'
import { settle } from '../../helpers/virtual-clock.ts'

const KiB16 = 16384

/** Creates a requester of an unchoked peer that has these pieces, and records the blocks that it requests. */
async function peer(source: SequentialBlocks, pieces: readonly number[], window: number) {
  const asked: string[] = []
  const pieceCount = 4
  const requester: Requester = new Requester({
    pieceCount,
    source,
    window: new FixedWindow(window),
    now: () => 0,
    send: messages => {
      for (const message of [messages].flat() as Message[])
        if (message.type === 'request')
          asked.push(`${message.index}:${message.begin / KiB16}+${message.length}`)
    },
  })
  const whole: PieceBuffer[] = []
  requester.on('error', () => {})
  requester.on('data', ({ piece }) => {
    if (piece.complete) whole.push(piece)
  })
  const bits = new Bitfield(pieceCount)
  for (const index of pieces) bits.add(index)
  requester.write({ type: 'bitfield', bytes: bits.bytes })
  requester.write({ type: 'unchoke' })
  await settle()
  return {
    requester,
    whole,
    asked: () => asked.splice(0),
    /** Delivers all blocks of a piece. */
    async give(index: number) {
      const piece = source.findPiece(requester, index)!
      const writer = { divert() {} }
      for (let block = 0; block < piece.blocks; block++) {
        const begin = block * KiB16
        const length = piece.blockLength(block)
        if (requester.place(index, begin, length, writer))
          requester.write({ type: 'blocks', writer, blocks: [{ piece, begin, length }] })
      }
      await settle()
    },
  }
}

const content = { pieceLength: 2 * KiB16, length: 7 * KiB16 + 5 }

t.test('blocks are requested in order, of a bounded number of pieces at a time', async t => {
  const blocks = new SequentialBlocks({ ...content, maxPieces: 2 })
  const { asked, give, requester, whole } = await peer(blocks, [0, 1, 2, 3], 64)
  t.same(asked(), ['0:0+16384', '0:1+16384', '1:0+16384', '1:1+16384'])
  await give(0)
  t.same(asked(), [], 'a piece that is not stored takes room')
  blocks.finish(whole[0]!)
  t.same(asked(), ['2:0+16384', '2:1+16384'])
  t.equal(blocks.wants(0), false)
  requester.addOwnPiece(0)
  await give(2)
  blocks.finish(whole[1]!)
  t.same(asked(), ['3:0+16384', '3:1+5'])
  for (const index of [1, 3]) await give(index)
  t.equal(blocks.complete, false)
  for (const piece of whole.slice(2)) blocks.finish(piece)
  t.equal(blocks.complete, true)
})

t.test('the window bounds the requests under way', async t => {
  const { asked, requester } = await peer(new SequentialBlocks(content), [0, 1, 2, 3], 3)
  t.same(asked(), ['0:0+16384', '0:1+16384', '1:0+16384'])
  t.equal(requester.outstanding, 3)
})

t.test('a piece that does not match its hash is requested again', async t => {
  const blocks = new SequentialBlocks(content)
  const { asked, give, whole } = await peer(blocks, [1], 64)
  t.same(asked(), ['1:0+16384', '1:1+16384'])
  await give(1)
  blocks.restart(whole[0]!)
  t.same(asked(), ['1:0+16384', '1:1+16384'])
  blocks.restart(whole[0]!)
  t.same(asked(), [], 'once')
})

t.test('requests of a peer that leaves go to another', async t => {
  const blocks = new SequentialBlocks(content)
  const first = await peer(blocks, [0, 1, 2, 3], 64)
  const second = await peer(blocks, [0], 64)
  t.equal(first.asked().length, 8)
  t.same(second.asked(), [])
  first.requester.destroy()
  t.same(second.asked(), ['0:0+16384', '0:1+16384'])
})
