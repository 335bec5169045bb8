import t from 'tap'
import { allowedFastSet } from '../../src/codec/allowed-fast.ts'
import { INFO_HASH } from '../helpers/wire.ts'

/** The example in BEP 6. */
const EXAMPLE_INPUT = { address: '80.4.4.200', infoHash: INFO_HASH, pieceCount: 1313, count: 7 }
const SEVEN_PIECES = [1059, 431, 808, 1217, 287, 376, 1188]

t.test('the examples in BEP 6 are reproduced, in order', async t => {
  t.same(allowedFastSet(EXAMPLE_INPUT), SEVEN_PIECES)
  t.same(allowedFastSet({ ...EXAMPLE_INPUT, count: 9 }), [...SEVEN_PIECES, 353, 508])
})

t.test('peers of one /24 have the same set, and those of the next /24 another', async t => {
  t.same(allowedFastSet({ ...EXAMPLE_INPUT, address: '80.4.4.1' }), SEVEN_PIECES)
  t.notSame(allowedFastSet({ ...EXAMPLE_INPUT, address: '80.4.5.200' }), SEVEN_PIECES)
  t.notSame(allowedFastSet({ ...EXAMPLE_INPUT, address: '81.4.4.200' }), SEVEN_PIECES)
})

t.test('the set depends on the torrent', async t => {
  t.notSame(allowedFastSet({ ...EXAMPLE_INPUT, infoHash: Buffer.alloc(20, 0xab) }), SEVEN_PIECES)
})

t.test('the set has the requested number of distinct, valid pieces', async t => {
  for (let pieceCount = 2; pieceCount <= 60; pieceCount++) {
    for (const count of [1, 10, pieceCount - 1].filter(count => count < pieceCount)) {
      const allowed = allowedFastSet({ ...EXAMPLE_INPUT, pieceCount, count })
      t.equal(new Set(allowed).size, count, `${count} of ${pieceCount}`)
      t.equal(allowed.length, count, `${count} of ${pieceCount}`)
      t.ok(Math.max(...allowed) < pieceCount, `${count} of ${pieceCount}`)
    }
  }
})

t.test('all pieces are allowed if the torrent has no more than requested', async t => {
  for (const count of [5, 6, 1000, Infinity])
    t.same(allowedFastSet({ ...EXAMPLE_INPUT, pieceCount: 5, count }), [0, 1, 2, 3, 4], `${count}`)
  t.same(allowedFastSet({ ...EXAMPLE_INPUT, pieceCount: 1, count: 1 }), [0])
})

t.test('the set is empty for an empty torrent and for a count of 0', async t => {
  t.same(allowedFastSet({ ...EXAMPLE_INPUT, pieceCount: 0 }), [])
  t.same(allowedFastSet({ ...EXAMPLE_INPUT, count: 0 }), [])
  t.same(allowedFastSet({ ...EXAMPLE_INPUT, count: -1 }), [])
})

t.test('an IPv4-mapped address has the set of the IPv4 address', async t => {
  t.same(allowedFastSet({ ...EXAMPLE_INPUT, address: '::ffff:80.4.4.200' }), SEVEN_PIECES)
})

t.test('an IPv6 address, a host name and an invalid address have no set', async t => {
  for (const address of ['::1', '2001:db8::1', 'peer.example', '80.4.4', '80.4.4.256', ''])
    for (const pieceCount of [3, 1313])
      t.same(allowedFastSet({ ...EXAMPLE_INPUT, address, pieceCount }), [], `${address} of ${pieceCount}`)
})
