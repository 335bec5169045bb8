import t from 'tap'
import { Bitfield } from '../../../src/codec/bitfield.ts'
import type { Peer } from '../../../src/pipeline/peer/peer.ts'
import type { Pieces } from '../../../src/pipeline/pieces/pieces.ts'
import { AvailabilityGauge } from '../../../src/pipeline/torrent/availability-gauge.ts'
import { BottleneckMeter } from '../../../src/pipeline/torrent/bottleneck-meter.ts'
import type { TorrentParts } from '../../../src/pipeline/torrent/progress.ts'
import { threadLoopLoad } from '../../../src/ports/loop-load.ts'
import { RequestWait } from '../../../src/streams/peer/request-waits.ts'
import { VirtualClock } from '../../helpers/virtual-clock.ts'

const piecesOf = (pieceCount: number) => {
  const pieces = { metainfo: { pieceCount }, verified: new Bitfield(pieceCount) }
  return { ...pieces, wanted: { bits: Bitfield.full(pieceCount) } } as unknown as Pieces
}

t.test(
  'the waits of a requester are added by kind, and the clock is read only when the kind changes',
  async t => {
    const sums = { unchoke: 0, blocks: 0, work: 0 }
    let [time, readings] = [0, 0]
    let kind: keyof typeof sums | undefined = 'unchoke'
    const now = () => {
      readings++
      return time
    }
    const wait = new RequestWait(sums, now, () => kind)
    wait.update()
    time = 100
    wait.update()
    wait.settle(100)
    kind = 'blocks'
    wait.update()
    time = 150
    kind = undefined
    wait.update()
    time = 500
    wait.update()
    t.strictSame([sums, readings], [{ unchoke: 100, blocks: 50, work: 0 }, 3])
    const unmeasured = new RequestWait(undefined, now, () => 'work')
    unmeasured.update()
    unmeasured.settle(900)
    t.equal(readings, 3)
  },
)

t.test('the availability of many pieces is measured less often', async t => {
  const gauge = new AvailabilityGauge()
  const pieces = piecesOf(1000)
  const seed = { requester: { bits: Bitfield.full(1000) } } as unknown as Peer
  t.equal(gauge.read(pieces, [], 0), 0)
  t.equal(gauge.read(pieces, [seed], 9), 0)
  t.equal(gauge.read(pieces, [seed], 10), 1)
})

t.test('a verdict is kept for half a second, and old samples do not count', async t => {
  const clock = new VirtualClock()
  const meter = new BottleneckMeter(clock, undefined)
  let downloaded = 0
  const parts = () =>
    ({
      ...{ state: 'downloading', metainfo: undefined, now: clock.now(), metadata: undefined },
      content: { pieces: { ...piecesOf(4), lacks: () => true, retains: true, windowed: false } },
      network: {
        downloaded,
        activeSwarm: undefined,
        sources: { announcer: undefined, others: [], trackers: [] },
      },
    }) as unknown as TorrentParts
  for (let at = 0; at < 4; at++) {
    meter.sample(parts(), clock.now())
    await clock.advance(1000)
    downloaded += 5000
  }
  const first = meter.read(parts())
  t.match(first, { kind: 'no-peers', evidence: { seconds: 2, rate: 5000 } })
  await clock.advance(499)
  t.equal(meter.read(parts()), first)
  await clock.advance(1)
  t.match(meter.read(parts()), { evidence: { seconds: 2 } })
  await clock.advance(500)
  t.match(meter.read(parts()), { evidence: { seconds: 0, rate: 0 } }, 'the last sample is too old')
  meter.stop()
})

t.test('the event loop of this thread is measured while a user needs it', async t => {
  threadLoopLoad.start()
  threadLoopLoad.start()
  const before = threadLoopLoad.read()
  const end = performance.now() + 60
  while (performance.now() < end);
  await new Promise(resolve => setImmediate(resolve))
  const after = threadLoopLoad.read()
  t.ok(after.busyMs - before.busyMs >= 50)
  t.ok(after.idleMs >= before.idleMs)
  t.ok(after.timers >= before.timers)
  threadLoopLoad.stop()
  threadLoopLoad.stop()
})
