import t from 'tap'
import { AnnouncePacer } from '../../src/discovery/announce-pacer.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

t.test('a few announces are sent at once, and thousands are spread over time in their order', async t => {
  const clock = new VirtualClock()
  const pacer = new AnnouncePacer(clock)
  const { signal } = new AbortController()
  const sent: [index: number, at: number][] = []
  for (let index = 0; index < 1000; index++) {
    const turn = pacer.takeTurn(signal)
    if (turn) void turn.then(() => sent.push([index, clock.now()]))
    else sent.push([index, clock.now()])
  }
  t.equal(sent.length, 50)
  await clock.advance(10_000)
  t.equal(sent.length, 50 + 250)
  await clock.advance(60_000)
  t.strictSame(
    sent.map(([index]) => index),
    Array.from({ length: 1000 }, (_, index) => index),
  )
  t.equal(sent.at(-1)?.[1], 950 * 40)
  t.equal(clock.pending, 0)
  t.equal(pacer.takeTurn(signal), undefined)
})

t.test('an aborted announce does not take a turn, and its wait ends', async t => {
  const clock = new VirtualClock()
  const pacer = new AnnouncePacer(clock)
  const stopped = new AbortController()
  const { signal } = new AbortController()
  let ended = 0
  for (let index = 0; index < 50; index++) t.equal(pacer.takeTurn(signal), undefined)
  for (let index = 0; index < 100; index++) void pacer.takeTurn(stopped.signal)?.then(() => ended++)
  const last = pacer.takeTurn(signal)!.then(() => clock.now())
  stopped.abort()
  await clock.advance(1000)
  t.equal(ended, 100)
  t.equal(await last, 40)
})
