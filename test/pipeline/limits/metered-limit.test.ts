import t from 'tap'
import { JointLimit } from '../../../src/pipeline/limits/joint-limit.ts'
import { MeteredLimit } from '../../../src/pipeline/limits/metered-limit.ts'
import { RateLimit } from '../../../src/pipeline/limits/rate-limit.ts'
import { RateShare } from '../../../src/pipeline/limits/rate-share.ts'
import { WaitTime } from '../../../src/streams/wait-time.ts'
import { VirtualClock } from '../../helpers/virtual-clock.ts'

t.test('a wait is counted once, from its start to its end', async t => {
  const wait = new WaitTime()
  t.equal(wait.read(50), 0)
  wait.set(true, 100)
  wait.set(true, 120)
  t.equal(wait.read(150), 50)
  wait.set(false, 160)
  wait.set(false, 170)
  t.equal(wait.read(1000), 60)
})

t.test('the time in which reads wait for a limit is measured for every kind of limit', async t => {
  const clock = new VirtualClock()
  const limit = new RateLimit({ clock })
  const metered = new MeteredLimit(new JointLimit(new RateShare(limit), new RateLimit({ clock })), clock)
  t.equal(metered.rate, Number.POSITIVE_INFINITY)
  let passed = 0
  const take = (bytes: number) => metered.take(bytes, () => passed++, {})
  t.equal(take(5000), undefined)
  limit.rate = 1000
  t.equal(metered.rate, 1000)
  take(500)
  t.ok(take(500))
  await clock.advance(200)
  t.equal(metered.readWaitMs(clock.now()), 200)
  await clock.advance(5000)
  t.equal(passed, 3)
  const waited = metered.readWaitMs(clock.now())
  t.ok(waited >= 400 && waited <= 600, `${waited} ms`)
  take(1000)
  metered.cancel(take(1000)!)
  metered.cancel({})
  await clock.advance(5000)
  t.equal(passed, 4)
  limit.rate = Number.POSITIVE_INFINITY
  t.ok(metered.isUnlimited)
  t.equal(clock.pending, 0)
})
