import t from 'tap'
import { Bitfield } from '../../../src/codec/bitfield.ts'
import { SuperSeed } from '../../../src/pipeline/upload/super-seed.ts'
import type { BlockSource, Requester } from '../../../src/streams/peer/requester.ts'
import { generator } from '../../helpers/feed.ts'

const PIECE_COUNT = 8

/** A super-seed, and peers that are nothing but what they have. */
function setup(pieceCount = PIECE_COUNT) {
  const passed: string[] = []
  const source = new Proxy({} as BlockSource, {
    get: (_, name) => () => passed.push(String(name)),
  })
  const seed = new SuperSeed({ source, pieceCount, random: generator(1) })
  const join = () => {
    const peer = { bits: new Bitfield(pieceCount), told: [] as number[] }
    const requester = peer as unknown as Requester
    seed.addPeer({ requester, sendHave: index => peer.told.push(index) })
    return {
      ...peer,
      /** It has one more, and says so. */
      gain(index: number) {
        peer.bits.add(index)
        seed.onHave(requester, index)
      },
      leave: () => seed.onLeave(requester),
      requester,
    }
  }
  return { seed, join, passed }
}

t.test('each peer is offered one piece, and each a different one', t => {
  const { join } = setup()
  const told = Array.from({ length: PIECE_COUNT }, () => join().told)
  t.ok(told.every(({ length }) => length === 1))
  t.equal(new Set(told.flat()).size, PIECE_COUNT)
  t.end()
})

t.test('the next piece is offered when another peer has the last one, and not before', t => {
  const { join } = setup()
  const a = join()
  const b = join()
  const [first] = a.told
  a.gain(first!)
  t.strictSame(a.told, [first], 'to have it is not enough')
  b.gain(first!)
  t.equal(a.told.length, 2)
  t.equal(b.told.length, 1)
  t.end()
})

t.test('a peer that is alone is offered the next piece when it has the last one', t => {
  const { join } = setup()
  const a = join()
  for (let at = 0; at < PIECE_COUNT; at++) a.gain(a.told[at]!)
  t.strictSame([...a.told].sort(), [0, 1, 2, 3, 4, 5, 6, 7])
  t.end()
})

t.test('a peer that becomes alone does not wait for another peer', t => {
  const { join } = setup()
  const a = join()
  const b = join()
  a.gain(a.told[0]!)
  t.equal(a.told.length, 1)
  b.leave()
  t.equal(a.told.length, 2)
  t.end()
})

t.test('no peer is offered a piece that it has or was offered before', t => {
  const { seed, join } = setup(2)
  const a = join()
  const b = join()
  t.strictSame([...a.told, ...b.told].sort(), [0, 1])
  for (const index of [0, 1]) {
    a.gain(index)
    b.gain(index)
  }
  t.ok(a.told.length <= 2 && b.told.length <= 2)
  t.strictSame(a.told, [...new Set(a.told)])
  seed.onDontHave(a.requester, 0)
  t.end()
})

t.test('pieces that peers bring count: the rarest piece is offered first', t => {
  const { seed, join } = setup(4)
  const rich = join()
  const before = rich.bits.clone()
  for (const index of [0, 1, 2, 3]) if (index !== rich.told[0]) rich.bits.add(index)
  seed.onBitfield(rich.requester, before)
  rich.leave()
  const [only] = [0, 1, 2, 3].filter(index => !rich.bits.has(index))
  const keeper = join()
  for (const index of rich.bits) keeper.gain(index)
  const next = join()
  t.ok(next.told[0] === only || keeper.told.includes(only!), 'the piece that no peer has is offered')
  t.end()
})

t.test('a peer that requests blocks continues to get offers', t => {
  const { seed, join, passed } = setup()
  const { requester } = join()
  seed.takeBlocks(requester, 1, 0)
  seed.onLoss(requester, [])
  seed.wants(1)
  t.strictSame(passed, ['takeBlocks', 'onLoss', 'wants'])
  t.end()
})
