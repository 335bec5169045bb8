import t from 'tap'
import { Bitfield } from '../../../src/codec/bitfield.ts'
import { SuperSeed } from '../../../src/pipeline/upload/super-seed.ts'
import type { BlockSource, Requester } from '../../../src/streams/peer/requester.ts'
import { generator } from '../../helpers/feed.ts'

const PIECE_COUNT = 8

/** Creates a super-seed, and peers that consist of their pieces. */
function setup(pieceCount = PIECE_COUNT) {
  const passed: string[] = []
  const source = new Proxy({} as BlockSource, {
    get: (_, name) => () => passed.push(String(name)),
  })
  const seed = new SuperSeed({ source, pieceCount, random: generator(1) })
  const join = () => {
    const peer = { bits: new Bitfield(pieceCount), revealed: [] as number[] }
    const requester = peer as unknown as Requester
    seed.addPeer({ requester, sendHave: index => peer.revealed.push(index) })
    return {
      ...peer,
      /** Gives a peer one more piece, and reports it. */
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
  const revealed = Array.from({ length: PIECE_COUNT }, () => join().revealed)
  t.ok(revealed.every(({ length }) => length === 1))
  t.equal(new Set(revealed.flat()).size, PIECE_COUNT)
  t.end()
})

t.test('the next piece is offered when another peer has the last one, and not before', t => {
  const { join } = setup()
  const a = join()
  const b = join()
  const [first] = a.revealed
  a.gain(first!)
  t.strictSame(a.revealed, [first], 'to have it is not enough')
  b.gain(first!)
  t.equal(a.revealed.length, 2)
  t.equal(b.revealed.length, 1)
  t.end()
})

t.test('a peer that is alone is offered the next piece when it has the last one', t => {
  const { join } = setup()
  const a = join()
  for (let at = 0; at < PIECE_COUNT; at++) a.gain(a.revealed[at]!)
  t.strictSame([...a.revealed].sort(), [0, 1, 2, 3, 4, 5, 6, 7])
  t.end()
})

t.test('a peer that becomes alone does not wait for another peer', t => {
  const { join } = setup()
  const a = join()
  const b = join()
  a.gain(a.revealed[0]!)
  t.equal(a.revealed.length, 1)
  b.leave()
  t.equal(a.revealed.length, 2)
  t.end()
})

t.test('no peer is offered a piece that it has or was offered before', t => {
  const { seed, join } = setup(2)
  const a = join()
  const b = join()
  t.strictSame([...a.revealed, ...b.revealed].sort(), [0, 1])
  for (const index of [0, 1]) {
    a.gain(index)
    b.gain(index)
  }
  t.ok(a.revealed.length <= 2 && b.revealed.length <= 2)
  t.strictSame(a.revealed, [...new Set(a.revealed)])
  seed.onDontHave(a.requester, 0)
  t.end()
})

t.test('pieces that peers bring count: the rarest piece is offered first', t => {
  const { seed, join } = setup(4)
  const rich = join()
  const before = rich.bits.clone()
  for (const index of [0, 1, 2, 3]) if (index !== rich.revealed[0]) rich.bits.add(index)
  seed.onBitfield(rich.requester, before)
  rich.leave()
  const [offered] = [0, 1, 2, 3].filter(index => !rich.bits.has(index))
  const keeper = join()
  for (const index of rich.bits) keeper.gain(index)
  const next = join()
  t.ok(
    next.revealed[0] === offered || keeper.revealed.includes(offered!),
    'the piece that no peer has is offered',
  )
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
