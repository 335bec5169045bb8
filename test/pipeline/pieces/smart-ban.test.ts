import t from 'tap'
import { BLOCK_LENGTH } from '../../../src/codec/message.ts'
import { SmartBan } from '../../../src/pipeline/pieces/smart-ban.ts'
import { PieceBuffer } from '../../../src/streams/piece-buffer.ts'
import { noise } from '../../helpers/metainfo.ts'

const content = noise(3 * BLOCK_LENGTH + 100, 1)

/** Returns a whole piece with blocks from these givers. Givers with names in capitals send wrong bytes. */
function piece(givers: string, index = 0): PieceBuffer {
  const piece = new PieceBuffer(index, content.length)
  ;[...givers].forEach((giver, block) => {
    const bytes = Buffer.from(content.subarray(block * BLOCK_LENGTH, (block + 1) * BLOCK_LENGTH))
    if (giver !== giver.toLowerCase()) bytes[50]! ^= 1
    piece.request(block)
    piece.put(block * BLOCK_LENGTH, bytes, giver.toLowerCase())
  })
  return piece
}

const name = (giver: unknown) => giver as string

t.test('the only sender of a wrong piece is guilty at once', async t => {
  const bans = new SmartBan<string>()
  t.same(bans.addCorrupt(piece('aAaa'), name), ['a'])
  t.same(bans.addCorrupt(piece('Aaaa', 1), name), ['a'])
})

t.test('of several senders, only the one that sent different bytes is guilty', async t => {
  const bans = new SmartBan<string>()
  for (const index of [0, 1]) {
    t.same(bans.addCorrupt(piece('aBca', index), name), [], 'the guilty peer is not known yet')
    t.equal(bans.isSuspect(index), true)
    t.same(
      ['a', 'b', 'c', 'd'].filter(peer => bans.isAccused(index, peer)),
      ['a', 'b', 'c'],
    )
    t.same(bans.addVerified(piece('dddd', index)), ['b'])
    t.equal(bans.isSuspect(index), false)
    t.equal(bans.isAccused(index, 'b'), false)
  }
})

t.test('two peers that sent wrong bytes of one piece are both found', async t => {
  const bans = new SmartBan<string>()
  bans.addCorrupt(piece('aBbC'), name)
  t.same(bans.addVerified(piece('dddd')).sort(), ['b', 'c'])
  bans.addCorrupt(piece('CaaB', 1), name)
  t.same(bans.addVerified(piece('dddd', 1)).sort(), ['b', 'c'])
})

t.test('a piece that fails again keeps the evidence of the first failure', async t => {
  const bans = new SmartBan<string>()
  bans.addCorrupt(piece('aBaa'), name)
  t.same(bans.addCorrupt(piece('CCCC'), name), ['c'])
  bans.addCorrupt(piece('aBab'), name)
  t.same(bans.addVerified(piece('aaaa')), ['b'], 'b is guilty of one piece, once')
})

t.test('a piece that is valid at once accuses no peer', async t => {
  const bans = new SmartBan<string>()
  t.same(bans.addVerified(piece('abcd')), [])
  t.equal(bans.isSuspect(0), false)
})

t.test('a piece that fails again and again holds a bounded amount of evidence', async t => {
  const bans = new SmartBan<string>()
  for (let n = 0; n < 100; n++) bans.addCorrupt(piece('aBab'), name)
  bans.addCorrupt(piece('acac'), name)
  bans.addCorrupt(piece('acac'), name)
  bans.addCorrupt(piece('acac'), name)
  bans.addCorrupt(piece('acac'), name)
  t.same(bans.addVerified(piece('dddd')), [], 'the oldest was forgotten, b is not guilty')
})
