import t from 'tap'
import { RATE_SAMPLE_MS, RateHistory } from '../../../src/pipeline/torrent/rate-history.ts'

t.test('bytes are summed up in samples of two seconds, and samples without any are left out', async t => {
  const history = new RateHistory()
  t.strictSame([...history.list(0)], [])
  history.update(0, 0, 0)
  history.update(100, 10, 500)
  history.update(300, 10, 1500)
  history.update(300, 10, 2500)
  history.update(350, 20, 4000)
  t.strictSame(
    [...history.list(5000)].sort((a, b) => a.slot - b.slot),
    [
      { slot: 0, down: 300, up: 10 },
      { slot: 2, down: 50, up: 10 },
    ],
  )
})

t.test('samples older than ten minutes are left out, also of a torrent that was idle since', async t => {
  const history = new RateHistory()
  for (let at = 0; at < 400; at++) history.update(at + 1, 0, at * RATE_SAMPLE_MS)
  const slots = [...history.list(399 * RATE_SAMPLE_MS)].map(({ slot }) => slot)
  t.equal(slots.length, 300)
  t.equal(Math.min(...slots), 100)
  t.strictSame([...history.list(10_000_000)], [])
})
