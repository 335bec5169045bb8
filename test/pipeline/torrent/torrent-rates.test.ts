import t from 'tap'
import { TorrentRates } from '../../../src/pipeline/torrent/torrent-rates.ts'

t.test('rates are measured from the last update before the first byte, and not over a reset', async t => {
  const rates = new TorrentRates()
  for (let now = 0; now <= 1000; now += 250) rates.update(0, 0, now)
  t.same([rates.down, rates.up, rates.isFading, [...rates.list(1000)]], [0, 0, false, []])
  rates.update(250, 500, 1250)
  t.equal(Math.round(rates.down), 1000)
  t.equal(Math.round(rates.up), 2000)
  t.match([...rates.list(1250)], [{ down: 250, up: 500 }])
  rates.reset()
  t.equal(rates.down, 0)
  rates.update(1_000_000, 500, 9000)
  t.equal(rates.down, 0, 'the first update begins the measurement')
  rates.update(1_000_250, 500, 9250)
  t.equal(Math.round(rates.down), 1000)
})
