import t from 'tap'
import { decodePieceCells, encodePieceCell, PIECE_STATES } from '../../src/codec/piece-cells.ts'

t.test('an encoded cell is decoded back', async t => {
  for (const state of PIECE_STATES)
    for (const part of [0, 1])
      for (const copies of [0, 1, 63]) {
        const cell = { part, state, copies }
        t.strictSame(decodePieceCells(encodePieceCell(cell)), [cell])
      }
})

t.test('a share is encoded as none or all only if it is exact, and copies are at most 63', async t => {
  const decode = (part: number, copies = 0) =>
    decodePieceCells(encodePieceCell({ part, state: 'missing', copies }))[0]!
  for (const part of [0.0001, 0.5, 0.9999]) {
    const decoded = decode(part)
    t.ok(decoded.part > 0 && decoded.part < 1, `${part}`)
    t.ok(Math.abs(decoded.part - part) < 0.1)
  }
  t.equal(decode(0, 1000).copies, 63)
})
