import t from 'tap'
import { Bitfield } from '../../../src/codec/bitfield.ts'
import { PeerPieces } from '../../../src/streams/peer/peer-pieces.ts'

/** Returns the pieces of a peer, 0 to 9 by default. */
function setup({
  has = (index: number) => index < 10,
  wants = (_: number): boolean => true,
  size = 20,
} = {}) {
  const offer = new PeerPieces(size, { wants })
  const bits = new Bitfield(size)
  for (let index = 0; index < size; index++) if (has(index)) bits.add(index)
  offer.set(bits)
  return offer
}

t.test('a peer has nothing before its first message', async t => {
  const offer = new PeerPieces(20, { wants: () => true })
  t.equal(offer.has(0, false), false)
  t.equal(offer.usefulCount, 0)
  t.equal(offer.hasAllowed, false)
  t.same(offer.preferredPieces(false), [])
})

t.test(
  'while unchoked every piece of a peer may be requested; while choked only those that it allows',
  async t => {
    const offer = setup()
    offer.allow(3)
    offer.allow(15)
    t.same(
      [3, 4, 15].map(index => offer.has(index, false)),
      [true, true, false],
    )
    t.same(
      [3, 4, 15].map(index => offer.has(index, true)),
      [true, false, false],
      'to allow a piece is not to have it',
    )
    t.same(offer.preferredPieces(true), [3])
    offer.add(15)
    t.same(offer.preferredPieces(true), [3, 15], 'until it has it')
  },
)

t.test('the latest suggestion comes first, and a suggested piece that the peer lacks is skipped', async t => {
  const offer = setup()
  for (const index of [0, 1, 12, 2]) offer.suggest(index)
  t.same(offer.preferredPieces(false), [2, 1, 0])
  offer.addOwnPiece(1)
  t.same(offer.preferredPieces(false), [2, 0], 'nor what we have now')
})

t.test('a piece that we do not want is neither suggested nor allowed', async t => {
  const offer = setup({ wants: index => index === 5 })
  for (const index of [4, 5]) {
    offer.allow(index)
    offer.suggest(index)
  }
  t.same(offer.preferredPieces(true), [5])
  t.same(offer.preferredPieces(false), [5])
  t.equal(offer.usefulCount, 1)
})

t.test('of a hundred thousand allowed or suggested pieces, a hundred are kept', async t => {
  const offer = setup({ size: 100_000, has: () => true })
  for (let index = 0; index < 100_000; index++) {
    offer.allow(index)
    offer.suggest(index)
  }
  t.equal(offer.preferredPieces(true).length, 100)
  t.equal(offer.preferredPieces(false).length, 100)
})

t.test('a piece is requested again after one reject, and after two in a row only a second later', async t => {
  const offer = setup()
  t.equal(offer.isUnrestricted(false), true)
  offer.refuse(3, false, 0, 100)
  t.equal(offer.has(3, false), true)
  offer.refuse(3, false, 50, 110)
  t.equal(offer.has(3, false), true, 'that was asked before the first reject came')
  offer.refuse(3, false, 200, 300)
  t.equal(offer.has(3, false), false)
  t.equal(offer.has(4, false), true)
  t.equal(offer.isUnrestricted(false), false)
  t.equal(offer.expireRefusals(1299), false)
  const { version } = offer
  t.equal(offer.expireRefusals(1300), true)
  t.ok(offer.version > version)
  t.equal(offer.has(3, false), true)
  offer.refuse(3, false, 1310, 1400)
  t.equal(offer.expireRefusals(3399), false, 'and the next time in two')
  t.equal(offer.expireRefusals(3400), true)
})

t.test('a refusal lasts half a minute at most, and ends with an unchoke or a block of the piece', async t => {
  const offer = setup()
  let now = 0
  const refuse = () => offer.refuse(3, false, now, (now += 1))
  for (let times = 0; times < 20; times++) refuse()
  t.equal(offer.expireRefusals(now + 31_999), false)
  t.equal(offer.expireRefusals(now + 32_000), true)
  refuse()
  const { version } = offer
  offer.noteBlock(4)
  t.equal(offer.has(3, false), false)
  offer.noteBlock(3)
  t.equal(offer.has(3, false), true)
  t.ok(offer.version > version)
  refuse()
  t.equal(offer.has(3, false), true, 'which counts from the beginning')
  refuse()
  t.equal(offer.has(3, false), false)
  offer.clearRefusals()
  t.equal(offer.has(3, false), true)
  t.equal(offer.isUnrestricted(false), true)
  refuse()
  t.equal(offer.has(3, false), true)
})

t.test('a piece that the peer rejected while choking is no longer allowed', async t => {
  const offer = setup()
  offer.allow(3)
  offer.refuse(3, true, 0, 1)
  t.equal(offer.has(3, true), false)
  t.equal(offer.hasAllowed, false)
  t.equal(offer.has(3, false), true, 'unchoked it may be asked for')
  t.equal(offer.isUnrestricted(true), false)
})

t.test('the count of useful pieces is right after any messages', async t => {
  const offer = setup({ wants: index => index % 2 === 0 })
  t.equal(offer.usefulCount, 5)
  t.equal(offer.add(10), true)
  t.equal(offer.add(10), false)
  t.equal(offer.add(11), true)
  t.equal(offer.usefulCount, 6)
  t.equal(offer.delete(0), true)
  t.equal(offer.delete(0), false)
  t.equal(offer.delete(1), true)
  t.equal(offer.usefulCount, 5)
  offer.addOwnPiece(2)
  offer.addOwnPiece(18) // a piece that it lacks
  t.equal(offer.usefulCount, 4)
  offer.set(new Bitfield(20))
  t.equal(offer.usefulCount, 0)
})
