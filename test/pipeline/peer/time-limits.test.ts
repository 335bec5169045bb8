import t from 'tap'
import { TimeLimits } from '../../../src/pipeline/peer/time-limits.ts'

t.test('an idle connection of a seed is ticked once a second, and any other one at each tick', async t => {
  const limits = new TimeLimits(0)
  const requester = { amInterested: false, outstanding: 0 }
  const responder = { waiting: 0, sending: false }
  const idle = { ready: true, requester, responder }
  const ticks = (peer: typeof idle, from: number) =>
    Array.from({ length: 8 }, (_, at) => from + at * 250).filter(now => limits.isTickDue(peer, now)).length
  t.equal(ticks(idle, 0), 2)
  const busy = [
    { ...idle, ready: false },
    { ...idle, requester: { ...requester, amInterested: true } },
    { ...idle, requester: { ...requester, outstanding: 1 } },
    { ...idle, responder: { ...responder, waiting: 1 } },
    { ...idle, responder: { ...responder, sending: true } },
  ]
  for (const [at, peer] of busy.entries()) t.equal(ticks(peer, 10_000 * (at + 1)), 8)
})
