import t from 'tap'
import { BLOCK_LENGTH } from '../../../src/codec/message.ts'
import { Layout } from '../../../src/metainfo/layout.ts'
import { Contributions } from '../../../src/pipeline/pieces/contributions.ts'
import { Cursors } from '../../../src/pipeline/pieces/cursors.ts'
import { Deadlines } from '../../../src/pipeline/pieces/deadlines.ts'
import { PieceBuffer } from '../../../src/streams/piece-buffer.ts'

/** Creates deadlines after a second in which `count` pieces were stored. */
function paced(cursors: Cursors, count: number): Deadlines {
  const deadlines = new Deadlines(cursors)
  deadlines.update(0)
  for (let piece = 0; piece < count; piece++) deadlines.addFinished()
  deadlines.update(1000)
  return deadlines
}

t.test('cursors share the memory, and report each move', async t => {
  const events: string[] = []
  const cursors = new Cursors(10)
  cursors.on('moved', () => events.push('moved'))
  cursors.on('changed', () => events.push('changed'))
  t.equal(cursors.ahead, 10)
  const first = cursors.open(0, 100)
  const second = cursors.open(50, 53)
  t.equal(cursors.ahead, 5)
  t.same(
    [0, 4, 5, 49, 50, 52, 53].map(index => cursors.distanceTo(index)),
    [0, 4, -1, -1, 0, 2, -1],
  )
  t.equal(cursors.isAwaited, false)
  cursors.move(first, 0, true)
  t.equal(cursors.isAwaited, true)
  cursors.move(first, 0, false)
  cursors.move(first, 0, false)
  cursors.move(first, 1, false)
  cursors.close(second)
  cursors.close(second)
  t.equal(cursors.ahead, 10)
  t.same(events, ['changed', 'changed', 'moved', 'moved', 'changed'])
})

t.test(
  'the lead of a peer is the number of pieces stored during its delay, limited by the memory',
  async t => {
    const cursors = new Cursors(10)
    const deadlines = paced(cursors, 4)
    t.equal(deadlines.leadOf(1000), 0, 'there is no reader')
    cursors.open(20, 100)
    t.same(
      [undefined, 0, 200, 500, 1000, 9000].map(delayMs => deadlines.leadOf(delayMs)),
      [0, 0, 0, 2, 4, 9],
    )
    t.same(
      [20, 21, 22, 30].map(index => deadlines.isDueWithin(index, 2)),
      [true, true, false, false],
    )
    t.equal(deadlines.isDueWithin(20, 0), false)
  },
)

t.test(
  'awaited pieces are those that a waiting reader reaches within one request, checked at intervals',
  async t => {
    const cursors = new Cursors(10)
    const deadlines = paced(cursors, 2)
    const reader = cursors.open(20, 23)
    t.same([...deadlines.findAwaited(1000)], [], 'it does not wait')
    cursors.move(reader, 20, true)
    t.same([...deadlines.findAwaited(1001)], [20, 21, 22], 'not beyond its end')
    t.same([...deadlines.findAwaited(1002)], [], 'just looked')
    t.same([...deadlines.findAwaited(1100)], [20, 21, 22])
  },
)

t.test('contributions count the bytes of each file, also in pieces with parts of several files', async t => {
  const pieceLength = 2 * BLOCK_LENGTH
  const lengths = [BLOCK_LENGTH + 100, 50, 2 * BLOCK_LENGTH]
  let offset = 0
  const files = lengths.map((length, index) => ({
    path: `${index}`,
    length,
    offset: (offset += length) - length,
    pad: false,
    executable: false,
    hidden: false,
  }))
  const layout = new Layout({ files, pieceLength, length: offset })
  const contributions = new Contributions(layout, { nameOf: String })
  for (let index = 0; index < layout.pieceCount; index++) {
    const piece = new PieceBuffer(index, layout.pieceSize(index))
    for (let block = 0; block < piece.blocks; block++) piece.arrive(block, (index + block) % 2 ? 'a' : 'b')
    contributions.add(piece)
  }
  const sums = lengths.map((_, index) =>
    contributions.listFor(index).reduce((sum, { bytes }) => sum + bytes, 0),
  )
  t.same(sums, lengths)
  t.same(contributions.listFor(0), [
    { address: 'b', bytes: BLOCK_LENGTH },
    { address: 'a', bytes: 100 },
  ])
  t.same(contributions.listFor(9), [])
})

t.test('peers beyond the limit are counted together', async t => {
  const files = [
    { path: 'a', length: 1100 * BLOCK_LENGTH, offset: 0, pad: false, executable: false, hidden: false },
  ]
  const layout = new Layout({ files, pieceLength: 1100 * BLOCK_LENGTH, length: 1100 * BLOCK_LENGTH })
  const contributions = new Contributions(layout, { nameOf: String })
  const piece = new PieceBuffer(0, layout.length)
  for (let block = 0; block < piece.blocks; block++) piece.arrive(block, block)
  contributions.add(piece)
  const given = contributions.listFor(0)
  t.equal(given.length, 1001)
  t.same(given[0], { address: 'others', bytes: 100 * BLOCK_LENGTH })
})
