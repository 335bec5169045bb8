import t from 'tap'
import { ByteRate } from '../../../src/pipeline/peer/byte-rate.ts'

t.test('the rate is 0 until there are two counts', async t => {
  const speed = new ByteRate()
  t.equal(speed.rate, 0)
  speed.update(1000, 50)
  t.equal(speed.rate, 0)
})

t.test('a steady rate is exact at once, however often it is read', async t => {
  for (const step of [10, 250, 1000]) {
    const speed = new ByteRate()
    speed.update(0, 0)
    for (let now = step; now <= 20_000; now += step) {
      speed.update(now * 5, now)
      t.ok(Math.abs(speed.rate - 5000) < 1e-6, `${speed.rate} at ${now} in steps of ${step}`)
    }
  }
})

t.test('older counts lose their weight within some seconds', async t => {
  const speed = new ByteRate()
  for (let now = 0; now <= 10_000; now += 250) speed.update(now * 5, now)
  for (let now = 10_250; now <= 15_000; now += 250) speed.update(50_000, now)
  t.ok(speed.rate > 500 && speed.rate < 2500, String(speed.rate))
  for (let now = 15_250; now <= 60_000; now += 250) speed.update(50_000, now)
  t.ok(speed.rate < 1, String(speed.rate))
})

t.test('two reads at the same time, or a clock that goes back, change nothing', async t => {
  const speed = new ByteRate()
  speed.update(0, 0)
  speed.update(1000, 1000)
  speed.update(5000, 1000)
  speed.update(9000, 500)
  t.equal(speed.rate, 1000)
  speed.update(10_000, 2000)
  t.ok(Number.isFinite(speed.rate) && speed.rate > 1000)
})
