import t from 'tap'
import { UploadMemory } from '../../../src/pipeline/limits/upload-memory.ts'
import { createPeerLimits, type LimitsOptions } from '../../../src/pipeline/peer/peer-limits.ts'
import { VirtualClock } from '../../helpers/virtual-clock.ts'

const MiB = 1 << 20

function totalsOf(peers: number, downloaded = 0) {
  const peer = { requester: { downloaded: 0, wasted: 0 }, responder: { uploaded: 0 } }
  return { peers: new Set(Array.from({ length: peers }, () => ({ ...peer }))), downloaded }
}

function limits(peers: number, options: Partial<LimitsOptions> = {}) {
  return createPeerLimits({
    clock: new VirtualClock(),
    memory: 64 * MiB,
    runs: new UploadMemory().runs,
    totals: totalsOf(peers),
    ...options,
  })
}

t.test('the more peers, the fewer requests each may have in flight, within bounds', async t => {
  const counts = [0, 1, 2, 8, 64, 256, 10_000]
  for (const name of ['read', 'window', 'maxRunBlocks'] as const) {
    const sizes = counts.map(count => limits(count)[name]())
    t.same(
      sizes,
      [...sizes].sort((a, b) => b - a),
      name,
    )
    t.ok(sizes.every(Number.isInteger), name)
  }
  t.same(
    [1, 10_000].map(count => limits(count).read()),
    [MiB, 65536],
  )
  t.same(
    [1, 10_000].map(count => limits(count).window()),
    [2048, 4],
  )
  t.same(
    [1, 10_000].map(count => limits(count).maxRunBlocks()),
    [16, 1],
  )
})

t.test(
  'only a single peer gets sixteen first requests, while nothing was received and there is no rate limit',
  async t => {
    t.same(
      [1, 2, 200].map(count => limits(count).firstWindow()),
      [16, 4, 4],
    )
    t.equal(limits(1, { down: 100_000 }).firstWindow(), 4)
    t.equal(limits(1, { totals: totalsOf(1, 16_384) }).firstWindow(), 4)
  },
)

t.test('all requests together fit half of the memory, if that is enough for the minimum', async t => {
  for (const peers of [8, 50, 200]) {
    t.ok(peers * limits(peers).window() * 16384 <= 32 * MiB, `${peers} peers`)
  }
})

t.test('the share of each peer follows the number of peers', async t => {
  const totals = totalsOf(1)
  const { maxRunBlocks } = limits(0, { totals })
  t.equal(maxRunBlocks(), 16)
  for (const peer of totalsOf(127).peers) totals.peers.add(peer)
  t.equal(maxRunBlocks(), 4)
})

t.test('with a rate limit reads are small, and never empty', async t => {
  t.equal(limits(1, { down: 200_000 }).read(), 10_000)
  t.equal(limits(1, { down: 1 }).read(), 4096)
  t.equal(limits(1, { down: 100 * MiB }).read(), 65536)
})

t.test('each direction has its own limit, or none', async t => {
  t.same(Object.keys(limits(1)).sort(), ['firstWindow', 'maxRunBlocks', 'pool', 'read', 'window'])
  const { up, down } = limits(1, { up: 1000, down: 2000 })
  t.ok(up && down && up !== down)
  t.equal(limits(1, { up: 1000 }).down, undefined)
})
