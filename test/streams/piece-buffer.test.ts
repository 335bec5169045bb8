import t from 'tap'
import { InputError } from '../../src/errors.ts'
import { BLOCK_STATE, type BlockWriter, PieceBuffer } from '../../src/streams/piece-buffer.ts'
import { noise } from '../helpers/metainfo.ts'

const KiB16 = 16384

class Writer implements BlockWriter {
  readonly diverted: [number, number][] = []
  divert(index: number, begin: number): void {
    this.diverted.push([index, begin])
  }
}

t.test('ten blocks and 42 bytes are eleven blocks, the last of 42', async t => {
  const piece = new PieceBuffer(3, 10 * KiB16 + 42)
  t.equal(piece.blocks, 11)
  t.equal(piece.free, 11)
  t.same(
    Array.from({ length: 11 }, (_, block) => piece.blockLength(block)),
    [...Array(10).fill(KiB16), 42],
  )
  t.equal(new PieceBuffer(0, KiB16).blocks, 1)
  t.equal(new PieceBuffer(0, 1).blockLength(0), 1)
})

t.test('a block goes from free to requested to arrived, and back only by release', async t => {
  const piece = new PieceBuffer(0, 2 * KiB16)
  piece.request(1)
  piece.request(1)
  t.same([...piece.states], [BLOCK_STATE.free, BLOCK_STATE.requested])
  t.equal(piece.free, 1)
  t.equal(piece.release(1), true)
  t.equal(piece.release(1), false, 'it is free already')
  t.equal(piece.free, 2)
  piece.request(1)
  piece.arrive(1, 'giver')
  t.equal(piece.release(1), false, 'what has arrived stays')
  piece.request(1)
  t.same([...piece.states], [BLOCK_STATE.free, BLOCK_STATE.arrived])
  t.same([piece.free, piece.arrived, piece.complete], [1, 1, false])
  t.equal(piece.givers[1], 'giver')
  piece.arrive(0, 'other')
  t.same(
    [piece.free, piece.arrived, piece.complete],
    [0, 2, true],
    'also one that was given up before it came',
  )
})

t.test('a place is exactly the block’s part of the piece', async t => {
  const memory = Buffer.alloc(3 * KiB16, 0xee)
  const piece = new PieceBuffer(0, KiB16 + 42, memory)
  t.equal(piece.data.length, KiB16 + 42)
  const place = piece.place(1, new Writer())!
  t.equal(place.length, 42)
  place.fill(1)
  t.same(
    memory.subarray(KiB16 - 1, KiB16 + 44),
    Buffer.concat([Buffer.from([0xee]), Buffer.alloc(42, 1), Buffer.alloc(2, 0xee)]),
  )
})

t.test('the latest writer of a block diverts the earlier one from that block alone', async t => {
  const piece = new PieceBuffer(7, 4 * KiB16)
  const [first, second] = [new Writer(), new Writer()]
  piece.place(2, first)
  piece.place(3, first)
  t.ok(piece.place(2, second))
  t.same(first.diverted, [[7, 2 * KiB16]])
  t.same(second.diverted, [])
  t.equal(piece.place(2, second), null, 'a writer writes a block once')
  t.same(second.diverted, [])
  t.same([piece.isClaimedBy(2, first), piece.isClaimedBy(2, second)], [false, true])
  piece.unclaim(2, first)
  t.ok(piece.isClaimedBy(2, second), 'only the writer that has the claim can end it')
  piece.unclaim(2, second)
  t.ok(piece.place(2, second), 'a block that was of no use can be written again')
})

t.test('a claim ends when the block arrives or the piece is closed', async t => {
  const piece = new PieceBuffer(0, 2 * KiB16)
  const writer = new Writer()
  t.ok(piece.claim(0, writer))
  t.ok(piece.claim(1, writer))
  piece.arrive(0, undefined)
  t.equal(piece.isClaimedBy(0, writer), false)
  piece.close()
  t.equal(piece.isClaimedBy(1, writer), false)
})

t.test('a block that has arrived gets no place', async t => {
  const piece = new PieceBuffer(0, 2 * KiB16)
  const writer = new Writer()
  piece.place(0, writer)
  piece.arrive(0, undefined)
  t.equal(piece.place(0, new Writer()), null)
  t.same(writer.diverted, [], 'its writer was done')
  t.ok(piece.place(1, new Writer()))
})

t.test('after close no block gets a place, and current writers are diverted', async t => {
  const piece = new PieceBuffer(5, 3 * KiB16)
  const [one, other] = [new Writer(), new Writer()]
  piece.place(0, one)
  piece.place(2, other)
  piece.request(1)
  const done = new Writer()
  piece.place(1, done)
  piece.arrive(1, undefined)
  piece.close()
  t.same(done.diverted, [], 'it may be writing the same block of another piece by now')
  t.same(one.diverted, [[5, 0]])
  t.same(other.diverted, [[5, 2 * KiB16]])
  for (const block of [0, 1, 2]) t.equal(piece.place(block, new Writer()), null)
  t.equal(piece.release(1), false)
  piece.close()
  t.equal(one.diverted.length, 1, 'closing twice diverts once')
})

t.test('put copies a block in and reports it', async t => {
  const piece = new PieceBuffer(0, KiB16 + 42)
  const bytes = noise(42, 1)
  const block = piece.put(KiB16, bytes, 'me')
  t.match(block, { begin: KiB16, length: 42 })
  t.equal(block.piece, piece)
  t.same(Buffer.from(piece.data.subarray(KiB16)), bytes)
  t.equal(piece.givers[1], 'me')
  piece.put(KiB16, bytes)
  t.equal(piece.arrived, 1, 'twice counts once')
})

t.test('put rejects what is not a block of its piece', async t => {
  const piece = new PieceBuffer(0, KiB16 + 42)
  for (const [begin, length] of [
    [1, KiB16],
    [0, KiB16 - 1],
    [0, KiB16 + 1],
    [KiB16, 41],
    [2 * KiB16, 42],
    [KiB16, 0],
  ] as const) {
    t.throws(() => piece.put(begin, Buffer.alloc(length)), InputError, `${length} at ${begin}`)
  }
  t.equal(piece.arrived, 0)
})
