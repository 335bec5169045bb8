import t from 'tap'
import { HashLoad } from '../../../src/streams/torrent/hash-load.ts'

const MiB = 1 << 20
/** Returns the load after `ms` milliseconds of `perSecond` bytes per second, in pieces of 1 MiB. */
function pass(load: HashLoad, perSecond: number, from: number, ms: number) {
  const step = (MiB * 1000) / perSecond
  for (let at = from; at < from + ms; at += step) load.add(MiB, at)
}

t.test('the load is high when hashing would take a fifth of the time', async t => {
  for (const [perSecond, expected] of [
    [300 * MiB, false],
    [390 * MiB, false],
    [410 * MiB, true],
    [900 * MiB, true],
  ] as const) {
    const load = new HashLoad(0.2)
    load.measure(MiB, 0.5)
    t.equal(load.isHigh, false)
    pass(load, perSecond, 0, 1000)
    t.equal(load.isHigh, expected, `${perSecond / MiB} MiB/s`)
  }
})

t.test('a burst does not count, and the load falls when the download slows down', async t => {
  const load = new HashLoad(0.2)
  load.measure(MiB, 0.5)
  for (let piece = 0; piece < 50; piece++) load.add(MiB, 0)
  t.equal(load.isHigh, false, 'there is no time in it')
  pass(load, 900 * MiB, 1, 1000)
  t.equal(load.isHigh, true)
  pass(load, 100 * MiB, 1001, 1000)
  t.equal(load.isHigh, false)
})

t.test('one slow call counts little, as the process may have been stopped in it', async t => {
  const load = new HashLoad(0.2)
  load.measure(MiB, 0.5)
  load.measure(MiB, 5000)
  pass(load, 300 * MiB, 0, 1000)
  t.equal(load.isHigh, false)
})

t.test('the load is never high if the cost is not known', async t => {
  const load = new HashLoad(0.2)
  pass(load, 900 * MiB, 0, 1000)
  t.equal(load.isHigh, false)
})
