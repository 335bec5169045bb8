import t from 'tap'
import { Bitfield } from '../../../../src/codec/bitfield.ts'
import { decodePieceCells } from '../../../../src/codec/piece-cells.ts'
import {
  MAX_PIECE_CELLS,
  type MappedPieces,
  PieceMap,
} from '../../../../src/server/page/torrent/piece-map.ts'
import type { ListedPieces } from '../../../../src/server/page/torrent-documents.ts'
import { generator } from '../../../helpers/feed.ts'

const cellsOf = ({ rows }: ListedPieces) => Object.values(rows).flatMap(decodePieceCells)

function piecesOf(count: number, changes: Partial<MappedPieces> = {}): MappedPieces {
  return {
    ...{ verified: new Bitfield(count), wanted: Bitfield.full(count), seeds: 0 },
    ...{ countCopies: () => 0, listActive: () => [], listNext: () => [] },
    ...changes,
  }
}

t.test('a small torrent has a cell for each piece', async t => {
  const wanted = Bitfield.full(10)
  wanted.delete(9)
  const active = [1, 2]
  const pieces = piecesOf(10, {
    ...{ wanted, seeds: 2, listActive: () => active, listNext: () => [2, 3] },
    countCopies: index => (index === 4 ? 0 : 1),
  })
  pieces.verified.add(0)
  const map = new PieceMap(10)
  const first = map.update(pieces)
  t.match(first, { count: 10, cellSize: 1, have: 1, active: 2, next: 2, missing: 8, seeds: 2 })
  t.equal(first.availability, 2.9)
  const cells = cellsOf(first)
  t.strictSame(
    cells.map(({ part, state }) => (part === 1 ? 'have' : state)),
    ['have', 'active', 'active', 'next', 'missing', 'missing', 'missing', 'missing', 'missing', 'skipped'],
  )
  t.strictSame(
    cells.map(({ copies }) => copies),
    [1, 1, 1, 1, 0, 1, 1, 1, 1, 1],
  )

  pieces.verified.add(1)
  map.note(1)
  active.shift()
  const second = map.update(pieces)
  t.match(second, { have: 2, active: 1, missing: 7 })
  t.equal(cellsOf(second)[1]!.part, 1)
})

t.test('a torrent of 100,000 pieces has few cells, and a change costs one row', async t => {
  const pieces = piecesOf(100_000)
  const map = new PieceMap(100_000)
  const first = map.update(pieces)
  t.ok(cellsOf(first).length <= MAX_PIECE_CELLS && cellsOf(first).length > MAX_PIECE_CELLS - 10)
  pieces.verified.add(50_000)
  map.note(50_000)
  const second = map.update(pieces)
  const changed = Object.keys(second.rows).filter(row => second.rows[row] !== first.rows[row])
  t.strictSame(changed, ['3'])
  t.ok(JSON.stringify(second).length < 1600, 'the whole map is small')
})

t.test('an update asks for the copies of a fifth of the pieces', async t => {
  let asked = 0
  const pieces = piecesOf(100_000, { countCopies: () => Math.min(1, ++asked) })
  const map = new PieceMap(100_000)
  map.update(pieces)
  t.equal(asked, 100_000)
  asked = 0
  map.update(pieces)
  t.ok(asked <= 21_000, `${asked}`)
  for (let round = 1; round < 5; round++) map.update(pieces)
  t.equal(asked, 100_000)
})

t.test('changes in any order give the same map as a new one', async t => {
  const seed = 15
  const random = generator(seed)
  const pieces = piecesOf(3000)
  let map = new PieceMap(3000)
  map.update(pieces)
  for (let round = 0; round < 50; round++) {
    for (let change = 0; change < 20; change++) {
      const index = Math.floor(random() * 3000)
      if (random() < 0.8) pieces.verified.add(index)
      else pieces.verified.delete(index)
      map.note(index)
    }
    t.strictSame(map.update(pieces), new PieceMap(3000).update(pieces), `seed ${seed}, round ${round}`)
  }
  map = new PieceMap(0)
  t.match(map.update(piecesOf(0)), { count: 0, availability: 0, rows: {} })
})

t.test('a change of the selection draws all cells again', async t => {
  const pieces = piecesOf(100)
  const map = new PieceMap(100)
  map.update(pieces)
  const wanted = new Bitfield(100)
  wanted.add(5)
  const second = map.update({ ...pieces, wanted })
  t.equal(second.missing, 1)
  t.equal(cellsOf(second).filter(({ state }) => state === 'skipped').length, 99)
})
