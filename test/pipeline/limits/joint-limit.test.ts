import t from 'tap'
import { JointLimit } from '../../../src/pipeline/limits/joint-limit.ts'
import { RateLimit } from '../../../src/pipeline/limits/rate-limit.ts'
import { RateShare } from '../../../src/pipeline/limits/rate-share.ts'
import { ReplaceableLimit } from '../../../src/pipeline/limits/replaceable-limit.ts'
import type { ByteLimit } from '../../../src/streams/byte-limit.ts'
import { VirtualClock } from '../../helpers/virtual-clock.ts'

const owner = {}

/** Takes 1,000 bytes at a time. Returns the bytes of `ms` milliseconds. */
async function bytesIn(limit: ByteLimit, clock: VirtualClock, ms: number): Promise<number> {
  let bytes = 0
  let ticket: object | undefined
  const take = () => {
    ticket = limit.take(
      1000,
      () => {
        bytes += 1000
        queueMicrotask(take)
      },
      owner,
    )
  }
  take()
  await clock.advance(ms)
  if (ticket) limit.cancel(ticket)
  await clock.advance(10_000)
  return bytes
}

t.test('the lower one of two limits holds', async t => {
  for (const [first, second, expected] of [
    [10_000, 50_000, 10_000],
    [50_000, 10_000, 10_000],
    [Number.POSITIVE_INFINITY, 10_000, 10_000],
    [10_000, Number.POSITIVE_INFINITY, 10_000],
  ] as const) {
    const clock = new VirtualClock()
    const own = new RateLimit({ rate: first, clock })
    const share = new RateShare(new RateLimit({ rate: second, clock }))
    const joint = new JointLimit(own, share)
    t.equal(joint.isUnlimited, false)
    const bytes = await bytesIn(joint, clock, 10_000)
    t.ok(Math.abs(bytes - expected * 10) < expected, `${first} and ${second}: ${bytes} bytes in 10 s`)
    t.equal(clock.pending, 0)
  }
})

t.test('a request is cancelled at the limit for which it waits', async t => {
  const clock = new VirtualClock()
  for (const [first, second] of [
    [1, 1e9],
    [1e9, 1],
  ] as const) {
    const joint = new JointLimit(
      new RateLimit({ rate: first, clock }),
      new RateLimit({ rate: second, clock }),
    )
    let granted = 0
    const go = () => granted++
    t.equal(joint.take(1000, go, owner), undefined)
    const ticket = joint.take(1000, go, owner)
    t.ok(ticket)
    joint.cancel(ticket!)
    await clock.advance(10_000_000)
    t.equal(granted, 1)
  }
  t.equal(clock.pending, 0)
})

t.test('a changed rate applies at once, also to requests that wait', async t => {
  const clock = new VirtualClock()
  const limit = new RateLimit({ clock })
  t.equal(limit.isUnlimited, true)
  limit.rate = 1
  let granted = 0
  const go = () => granted++
  await clock.advance(2000)
  limit.take(100_000, go)
  limit.take(1000, go)
  limit.take(1000, go)
  t.equal(granted, 1)
  limit.rate = 100_000
  await clock.advance(900)
  t.equal(granted, 1)
  limit.rate = Number.POSITIVE_INFINITY
  t.equal(granted, 3)
  t.equal(clock.pending, 0)
  t.throws(
    () => {
      limit.rate = 0
    },
    { code: 'ERR_USAGE' },
  )
})

t.test(
  'requests that wait for a replaced limit continue at the new one, and can be cancelled there',
  async t => {
    const clock = new VirtualClock()
    const slow = new RateLimit({ rate: 1, clock })
    const limit = new ReplaceableLimit(slow)
    const granted: string[] = []
    const take = (name: string) => limit.take(1000, () => granted.push(name), owner)
    await clock.advance(1000)
    t.equal(take('a'), undefined)
    const [b, c, d] = ['b', 'c', 'd'].map(take)
    t.ok(b && c && d)
    limit.cancel(c!)
    const fast = new RateLimit({ rate: 1000, clock })
    limit.replace(fast)
    t.equal(slow.waiting, 0)
    await clock.advance(500)
    t.strictSame(granted, ['a', 'b'])
    limit.cancel(d!)
    t.equal(fast.waiting, 0)
    const e = take('e')
    t.ok(e)
    limit.replace(new RateLimit({ clock }))
    t.strictSame(granted, ['a', 'b', 'e'])
    t.ok(limit.isUnlimited)
    limit.cancel(e!)
    t.equal(await bytesIn(new ReplaceableLimit(new RateLimit({ rate: 10_000, clock })), clock, 1000), 13_000)
  },
)
