import t from 'tap'
import type { Peer } from '../../../src/pipeline/peer/peer.ts'
import { Unchoker, type UnchokerOptions } from '../../../src/pipeline/upload/unchoker.ts'
import { generator } from '../../helpers/feed.ts'

/** The properties of a peer that the unchoker reads. */
class Leecher {
  ready = true
  peerInterested = true
  uploadOnly = false
  unchokedAt = Number.NEGATIVE_INFINITY
  readyAt = 0
  readonly down = { rate: 0 }
  readonly up = { rate: 0 }
  readonly requester = { snubbed: false }
  readonly responder = { amChoking: true, uploaded: 0 }
  /** The number of times that it was choked or unchoked. */
  turns = 0

  unchoke(yes: boolean): void {
    if (yes !== this.responder.amChoking) return
    this.turns++
    this.responder.amChoking = !yes
  }
}

/** Creates peers and four slots, which is the minimum. */
function setup(count: number, options: Partial<UnchokerOptions> = {}) {
  const peers = Array.from({ length: count }, () => new Leecher())
  const unchoker = new Unchoker({
    totals: {
      peers: new Set(peers as unknown as Peer[]),
      get uploaded() {
        return peers.reduce((sum, { responder }) => sum + responder.uploaded, 0)
      },
    },
    context: { torrent: undefined },
    limit: 1,
    random: generator(1),
    ...options,
  })
  /** The unchoked peers. */
  const unchoked = () => peers.flatMap(({ responder }, at) => (responder.amChoking ? [] : [at]))
  return { peers, unchoker, unchoked }
}

t.test('as many peers are unchoked as there are slots, if they are interested and ready', async t => {
  const { peers, unchoker, unchoked } = setup(10)
  peers[0]!.peerInterested = false
  peers[1]!.uploadOnly = true
  peers[2]!.ready = false
  unchoker.tick(0)
  t.equal(unchoked().length, 4)
  t.ok(unchoked().every(at => at > 2))
})

t.test('the peers that upload most stay unchoked, and others change at most every ten seconds', async t => {
  const { peers, unchoker, unchoked } = setup(10)
  for (const at of [7, 8, 9]) peers[at]!.down.rate = 1000 * at
  unchoker.tick(0)
  t.ok([7, 8, 9].every(at => unchoked().includes(at)))
  const before = unchoked()
  for (const at of [1, 2, 3]) peers[at]!.down.rate = 50_000
  unchoker.tick(9999)
  t.same(unchoked(), before)
  unchoker.tick(10_000)
  t.ok([1, 2, 3].every(at => unchoked().includes(at)))
  t.equal(unchoked().length, 4)
})

t.test('a free slot is given at once to an interested peer', async t => {
  const { peers, unchoker, unchoked } = setup(5)
  peers[4]!.peerInterested = false
  unchoker.tick(0)
  t.same(unchoked(), [0, 1, 2, 3])
  peers[4]!.peerInterested = true
  unchoker.onInterestChange(100)
  t.equal(unchoked().length, 4, 'there is none')
  peers[2]!.peerInterested = false
  unchoker.onInterestChange(200)
  t.same(unchoked(), [0, 1, 3, 4], 'one that wants nothing any more makes room')
})

t.test('a peer that is not a leecher is not unchoked out of turn', async t => {
  const { peers, unchoker, unchoked } = setup(1)
  peers[0]!.uploadOnly = true
  unchoker.onInterestChange(0)
  t.same(unchoked(), [])
  peers[0]!.uploadOnly = false
  unchoker.onInterestChange(0)
  t.same(unchoked(), [0])
})

t.test('a peer that keeps changing its interest is handled only a few times between two rounds', async t => {
  const { peers, unchoker } = setup(6)
  unchoker.tick(0)
  for (const peer of peers) peer.turns = 0
  for (let at = 0; at < 1000; at++) {
    for (const peer of peers) peer.peerInterested = peer.responder.amChoking
    unchoker.onInterestChange(at)
  }
  const turns = Math.max(...peers.map(peer => peer.turns))
  t.ok(turns > 0 && turns <= 20, `${turns} times`)
  unchoker.tick(2000)
  const before = peers.map(peer => peer.turns)
  for (const peer of peers) peer.peerInterested = peer.responder.amChoking
  unchoker.onInterestChange(2001)
  t.not(`${peers.map(peer => peer.turns)}`, `${before}`, 'and then it is heard again')
})

t.test('while seeding, only bytes since the unchoke count against a peer', async t => {
  const { peers, unchoker, unchoked } = setup(5, { context: { torrent: { isUploadOnly: true } } })
  for (const peer of peers) peer.responder.uploaded = 100 * 2 ** 20
  peers[4]!.readyAt = 1
  unchoker.tick(10)
  t.same(unchoked(), [0, 1, 2, 3])
  for (const at of [0, 1, 2, 3]) peers[at]!.unchokedAt = 10
  for (const at of [0, 2, 3]) peers[at]!.responder.uploaded += 1000
  peers[1]!.responder.uploaded += 21 * 2 ** 20
  unchoker.tick(10_010)
  t.same(unchoked(), [0, 2, 3, 4])
})

t.test('without a limit there are eight slots at first, and more when they are used', async t => {
  const { peers, unchoker, unchoked } = setup(30, {
    limit: undefined,
    context: { torrent: { isUploadOnly: true } },
  })
  unchoker.tick(0)
  t.equal(unchoked().length, 8)
  for (let now = 1000; now <= 60_000; now += 1000) {
    for (const { responder } of peers) if (!responder.amChoking) responder.uploaded += 200_000
    unchoker.tick(now)
  }
  t.ok(unchoked().length > 8, `${unchoked().length}`)
})

t.test(
  'a limit that all torrents of a client share gives its slots at once, and counts as it is now',
  async t => {
    const limit = { rate: 10_000_000 }
    const { unchoker, unchoked } = setup(30, { limit, context: { torrent: { isUploadOnly: true } } })
    unchoker.tick(0)
    t.equal(unchoked().length, 30)
    limit.rate = 1
    unchoker.tick(10_000)
    t.ok(unchoked().length < 30, 'fewer slots when the limit is set lower')
  },
)
