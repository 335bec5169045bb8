import t from 'tap'
import { Patience } from '../../../src/streams/peer/patience.ts'

t.test('a request counts as dropped when later ones were answered, and none as old for a while', async t => {
  const patience = new Patience()
  patience.restartSilence(0)
  t.equal(patience.findDropped(0, 10), undefined)
  patience.onAnswer(20, 30)
  t.equal(patience.findDropped(0, 250), undefined)
  patience.onAnswer(10, 1000)
  t.equal(patience.findDropped(0, 3500), undefined, 'one as old was answered 2.5 s ago')
  t.equal(patience.findDropped(0, 3501), 20, 'all that were sent before the one that was answered')
  t.equal(patience.findDropped(25, 3502), undefined)
})

t.test('of a silent peer, everything sent before its last answer counts as dropped at once', async t => {
  const patience = new Patience()
  patience.restartSilence(0)
  patience.onAnswer(20, 30)
  t.equal(patience.findDropped(0, 250), undefined)
  patience.onAnswer(300, 400)
  patience.onAnswer(450, 500, true)
  t.equal(patience.findDropped(0, 3_000), undefined)
  t.equal(patience.findDropped(0, 3_001), 450, 'also if a probe was answered last')
  t.equal(patience.findDropped(450, 3_002), undefined)
})

t.test('without a later answer no request counts as dropped, however long it takes', async t => {
  const patience = new Patience()
  patience.restartSilence(0)
  patience.onAnswer(0, 100)
  for (let now = 0; now < 1e6; now += 250) t.equal(patience.findDropped(5, now), undefined)
})

t.test('a peer with the fast extension rejects what it drops, and gets ten seconds', async t => {
  const patience = new Patience()
  patience.fast = true
  patience.restartSilence(0)
  patience.onAnswer(20, 30)
  t.equal(patience.findDropped(0, 250), undefined)
  t.equal(patience.findDropped(0, 10_030), undefined, 'ten seconds after its last answer')
  t.equal(patience.findDropped(0, 10_031), 20)
  patience.onAnswer(10, 20_000)
  for (const at of [22_000, 24_000, 26_000, 28_000, 30_000]) {
    t.equal(patience.findDropped(0, at), undefined)
    patience.onAnswer(30, at)
  }
  t.equal(patience.findDropped(0, 30_001), 20, 'or after its last answer to one as old')
})

t.test(
  'a slow peer gets three times its longest pause, at most ten seconds, and only for a while',
  async t => {
    for (const [pause, wait] of [
      [100, 2500],
      [2000, 6000],
      [9000, 10_000],
    ] as const) {
      const patience = new Patience()
      patience.restartSilence(0)
      patience.onAnswer(0, pause)
      t.equal(patience.isProbeDue(pause), false)
      t.equal(patience.isProbeDue(pause + wait - 1), false, `${pause}`)
      t.equal(patience.isProbeDue(pause + wait), true, `${pause}`)
    }
    const patience = new Patience()
    patience.restartSilence(0)
    patience.onAnswer(0, 9000)
    patience.restartSilence(100_000)
    t.equal(patience.isProbeDue(100_000), false)
    t.equal(patience.isProbeDue(102_500), true)
  },
)

t.test('the time of a dropped request does not count as a pause of the peer', async t => {
  const patience = new Patience()
  patience.restartSilence(0)
  patience.onAnswer(8000, 8050) // requested again at 8 s
  t.equal(patience.isProbeDue(8050), false)
  t.equal(patience.isProbeDue(8050 + 2500), true)
})

t.test('a silent peer is probed less and less often, until it answers', async t => {
  const patience = new Patience()
  patience.restartSilence(0)
  const probed: number[] = []
  for (let now = 0; now <= 70_000; now += 250) if (patience.isProbeDue(now)) probed.push(now)
  t.same(probed, [2500, 7500, 17_500, 33_500, 49_500, 65_500])
  t.equal(patience.getSilence(70_000), 70_000)
  patience.onAnswer(65_500, 70_000)
  t.equal(patience.getSilence(70_000), 0)
  t.equal(patience.isProbeDue(72_000), false)
})

t.test('a peer that rejects everything rests for longer each time, until a block or an unchoke', async t => {
  const patience = new Patience()
  patience.onReject(2, 0)
  t.equal(patience.isResting, false, 'it takes two')
  const rests: number[] = []
  let now = 0
  for (let times = 0; times < 5; times++) {
    const from = now
    patience.onReject(0, now)
    t.equal(patience.isResting, true)
    while (!patience.endRestIfDue(now)) now += 250
    rests.push(now - from)
    t.equal(patience.isResting, false)
    t.equal(patience.endRestIfDue(now), false, 'once')
  }
  t.same(rests, [1000, 2000, 4000, 8000, 8000])
  patience.onReject(0, now)
  patience.onProgress(now)
  t.equal(patience.isResting, false)
  patience.onReject(0, now)
  t.equal(patience.endRestIfDue(now + 1000), true, 'and it begins anew')
})
