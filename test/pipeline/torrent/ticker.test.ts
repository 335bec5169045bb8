import t from 'tap'
import { Ticker } from '../../../src/pipeline/torrent/ticker.ts'
import { VirtualClock } from '../../helpers/virtual-clock.ts'

/** Creates a ticker with an owner that requests these waits, one after the other, and then the last one repeatedly. */
function tickerOf(...waits: number[]) {
  const clock = new VirtualClock()
  const ticks: number[] = []
  const ticker = new Ticker(clock, now => {
    ticks.push(now)
    return waits[Math.min(ticks.length, waits.length) - 1]!
  })
  return { clock, ticker, ticks }
}

t.test('a ticker ticks at once, four times a second while there is work, and not after stop', async t => {
  const { clock, ticker, ticks } = tickerOf(0)
  ticker.start()
  ticker.start()
  t.strictSame(ticks, [0])
  await clock.advance(1000)
  t.strictSame(ticks, [0, 250, 500, 750, 1000])
  ticker.stop()
  ticker.wake()
  t.equal(clock.pending, 0)
})

t.test('a ticker sleeps while there is no work, and wake ends the sleep', async t => {
  const { clock, ticker, ticks } = tickerOf(0, 60_000, Number.POSITIVE_INFINITY, 0, 1000)
  ticker.wake()
  t.equal(clock.pending, 0, 'before it runs, nothing wakes it')
  ticker.start()
  await clock.advance(30_000)
  t.strictSame(ticks, [0, 250])
  await clock.advance(100_000)
  t.strictSame(ticks.slice(2), [60_250])
  t.equal(clock.pending, 0, 'no timer')
  ticker.wake()
  ticker.wake()
  t.equal(clock.pending, 1)
  await clock.advance(700)
  t.strictSame(ticks.slice(3), [130_250, 130_500])
  ticker.wake()
  await clock.advance(300)
  t.strictSame(ticks.slice(5), [130_950], 'sooner than it would have')
  ticker.stop()
  t.equal(clock.pending, 0)
})
