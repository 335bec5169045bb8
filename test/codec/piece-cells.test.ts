import t from 'tap'
import { decodePieceCells, encodePieceCell, PIECE_STATES } from '../../src/codec/piece-cells.ts'

t.test('a cell is what it was after it was encoded and decoded', async t => {
  for (const state of PIECE_STATES)
    for (const part of [0, 1])
      for (const copies of [0, 1, 63]) {
        const cell = { part, state, copies }
        t.strictSame(decodePieceCells(encodePieceCell(cell)), [cell])
      }
})

t.test('a part is none or all only if it is, and copies end at 63', async t => {
  const decode = (part: number, copies = 0) =>
    decodePieceCells(encodePieceCell({ part, state: 'missing', copies }))[0]!
  for (const part of [0.0001, 0.5, 0.9999]) {
    const decoded = decode(part)
    t.ok(decoded.part > 0 && decoded.part < 1, `${part}`)
    t.ok(Math.abs(decoded.part - part) < 0.1)
  }
  t.equal(decode(0, 1000).copies, 63)
})
