import t from 'tap'
import { RateLimit } from '../../../src/pipeline/limits/rate-limit.ts'
import { RateShare } from '../../../src/pipeline/limits/rate-share.ts'
import { VirtualClock } from '../../helpers/virtual-clock.ts'

/** A peer that requests again as soon as it is granted, and counts its bytes. */
function greedyPeer(share: RateShare, bytes: number) {
  const peer = { granted: 0 }
  const ask = () => {
    share.take(
      bytes,
      () => {
        peer.granted += bytes
        queueMicrotask(ask)
      },
      peer,
    )
  }
  ask()
  return peer
}

t.test(
  'torrents have equal shares of a rate, and the peers of each have equal shares of its share',
  async t => {
    const clock = new VirtualClock()
    const common = new RateLimit({ rate: 1_000_000, clock })
    const [few, many] = [new RateShare(common), new RateShare(common)]
    const one = greedyPeer(few, 10_000)
    const nine = Array.from({ length: 9 }, () => greedyPeer(many, 5_000))
    await clock.advance(1000) // the first peer gets the burst
    for (const peer of [one, ...nine]) peer.granted = 0
    await clock.advance(10_000)
    const ofMany = nine.reduce((sum, { granted }) => sum + granted, 0)
    t.ok(Math.abs(one.granted - ofMany) <= 0.01 * ofMany, `${one.granted} and ${ofMany}`)
    t.ok(Math.abs(one.granted + ofMany - 10_000_000) <= 100_000, 'together they keep the rate')
    for (const { granted } of nine) t.ok(Math.abs(granted - ofMany / 9) <= 0.05 * (ofMany / 9), `${granted}`)
    for (const share of [few, many]) share.close()
    common.close()
    t.equal(clock.pending, 0)
  },
)

t.test('torrents have shares as their weights, which may change', async t => {
  const clock = new VirtualClock()
  const common = new RateLimit({ rate: 1_000_000, clock })
  const [low, high] = [new RateShare(common), new RateShare(common)]
  low.weight = 0.5
  high.weight = 2
  const peers = [low, high].map(share => greedyPeer(share, 10_000))
  const pass = async () => {
    await clock.advance(1000)
    for (const peer of peers) peer.granted = 0
    await clock.advance(10_000)
    return peers.map(({ granted }) => Math.round(granted / 500_000) / 20)
  }
  t.strictSame(await pass(), [0.2, 0.8])
  low.weight = 2
  t.strictSame(await pass(), [0.5, 0.5])
  for (const share of [low, high]) share.close()
  common.close()
})

t.test('an idle torrent leaves the whole rate to the others', async t => {
  const clock = new VirtualClock()
  const common = new RateLimit({ rate: 1_000_000, clock })
  const [busy, idle] = [new RateShare(common), new RateShare(common)]
  const peer = greedyPeer(busy, 10_000)
  await clock.advance(10_000)
  t.ok(peer.granted >= 9_500_000, `${peer.granted}`)
  idle.close()
  busy.close()
  common.close()
})

t.test('a cancelled request is never granted, and the next one is granted in its place', async t => {
  const clock = new VirtualClock()
  const common = new RateLimit({ rate: 1000, clock })
  const share = new RateShare(common)
  const granted: string[] = []
  share.take(1250, () => granted.push('first'), {})
  const tickets = ['a', 'b', 'c'].map(name => share.take(10, () => granted.push(name), {}))
  share.cancel(tickets[0]!)
  share.cancel(tickets[1]!)
  await clock.advance(2000)
  t.same(granted, ['first', 'c'])
  t.equal(clock.pending, 0)
})
