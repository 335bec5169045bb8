import t from 'tap'
import { RateWindow } from '../../../src/pipeline/peer/rate-window.ts'

const BLOCK_BYTES = 16384

/** Delivers blocks at a rate (blocks per second), each after `wait` ms, for `ms`. @returns the time */
function feed(window: RateWindow, rate: number, wait: number, from: number, ms: number): number {
  const step = 1000 / rate
  let now = from
  for (; now < from + ms; now += step) window.onBlock(BLOCK_BYTES, wait, now)
  return now
}

t.test('the window begins small and grows by one per block while the rate grows', async t => {
  const window = new RateWindow({ limit: () => 1000 })
  const first = window.size
  t.ok(first >= 4 && first <= 64, String(first))
  for (let n = 1; n <= 50; n++) {
    window.onBlock(BLOCK_BYTES, 20, n)
    t.equal(window.size, first + n)
  }
})

t.test('the size can be raised before the first block, and not after it', async t => {
  const window = new RateWindow({ limit: () => 1000 })
  window.startWith(16)
  t.equal(window.size, 16)
  window.onBlock(16384, 10, 0)
  t.equal(window.size, 17)
  window.startWith(100)
  t.equal(window.size, 17)
  window.onSnub()
  t.equal(window.size, 4)
})

t.test('at a steady rate the window is the rate times the round trip, and a reserve', async t => {
  const window = new RateWindow({ limit: () => 100_000 })
  feed(window, 1000, 100, 0, 5000)
  t.ok(Math.abs(window.size - 1000 * (0.1 + 0.75)) < 20, String(window.size))
  t.ok(Math.abs(window.rate - (1000 * BLOCK_BYTES) / 1000) < 500, String(window.rate))
  t.equal(window.roundTrip, 100)
})

t.test('the window follows a falling rate down to a few blocks, and never to zero', async t => {
  const window = new RateWindow({ limit: () => 100_000 })
  const now = feed(window, 1000, 100, 0, 5000)
  const before = window.size
  feed(window, 2, 100, now, 10_000)
  t.ok(window.size < before / 50, `${before} to ${window.size}`)
  t.ok(window.size >= 4)
})

t.test('the window never exceeds its limit, which may change', async t => {
  let limit = 20
  const window = new RateWindow({ limit: () => limit })
  feed(window, 1000, 50, 0, 3000)
  t.equal(window.size, 20)
  limit = 3
  t.equal(window.size, 3)
  limit = 0
  t.equal(window.size, 1, 'one at least, or nothing would ever come')
})

t.test('after a snub the window starts again from a few blocks', async t => {
  const window = new RateWindow({ limit: () => 100_000 })
  const now = feed(window, 1000, 100, 0, 5000)
  window.onSnub()
  t.equal(window.size, 4)
  t.equal(window.rate, 0)
  window.onBlock(BLOCK_BYTES, 100, now + 60_000)
  t.equal(window.size, 5, 'and grows as at the start')
})

t.test('rejects bound the window, and one more request is tried after a full window', async t => {
  const window = new RateWindow({ limit: () => 1000 })
  for (let n = 0; n < 100; n++) window.onBlock(BLOCK_BYTES, 20, n)
  for (let left = 99; left >= 16; left--) window.onRefusal(left)
  t.equal(window.size, 16)
  for (let n = 0; n < 15; n++) window.onBlock(BLOCK_BYTES, 20, 100)
  t.equal(window.size, 16)
  window.onBlock(BLOCK_BYTES, 20, 100)
  t.equal(window.size, 17)
  window.onRefusal(0)
  t.equal(window.size, 1, 'one at least')
})

t.test(
  'the more often that request is rejected, the less often it is tried, but it is always tried again',
  async t => {
    const window = new RateWindow({ limit: () => 1000 })
    window.onRefusal(4)
    const waits: number[] = []
    for (let times = 0; times < 12; times++) {
      let blocks = 0
      while (window.size === 4) {
        window.onBlock(BLOCK_BYTES, 20, 0)
        blocks++
      }
      waits.push(blocks)
      window.onRefusal(4)
    }
    t.same(waits, [4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024, 1024, 1024])
  },
)

t.test('a peer that accepts more again gets its full window back', async t => {
  const window = new RateWindow({ limit: () => 512 })
  for (let n = 0; n < 1000; n++) window.onBlock(BLOCK_BYTES, 20, n)
  window.onRefusal(1)
  let blocks = 0
  for (; window.size < 64; blocks++) window.onBlock(BLOCK_BYTES, 20, 1000)
  t.ok(blocks < 64 * 64, `${blocks}`)
})

t.test('on an idle long link it grows fourfold in each round trip', async t => {
  const window = new RateWindow({ limit: () => 2048 })
  const sizes: number[] = []
  for (let now = 200; now < 1000; now += 200) {
    for (let left = window.size; left > 0; left--) window.onBlock(BLOCK_BYTES, 200, now)
    sizes.push(window.size)
  }
  t.same(sizes, [8, 24, 96, 384])
})

t.test(
  'once blocks wait in a queue it grows by a block a block, and at twice the round trip no more',
  async t => {
    const window = new RateWindow({ limit: () => 2048 })
    window.onBlock(BLOCK_BYTES, 200, 200)
    const before = window.size
    for (let n = 0; n < 100; n++) window.onBlock(BLOCK_BYTES, 300, 300)
    t.equal(window.size, before + 100)
    for (let n = 0; n < 2000; n++) window.onBlock(BLOCK_BYTES, 900, 400)
    t.equal(window.size, 512)
  },
)

t.test('a round trip longer than a second does not end the start', async t => {
  const window = new RateWindow({ limit: () => 2048 })
  let now = 0
  for (let round = 0; round < 4; round++) {
    now += 1200
    for (let left = window.size; left > 0; left--) window.onBlock(BLOCK_BYTES, 1200, now)
  }
  t.equal(window.size, 384)
})

t.test('a peer that was not asked for enough is still known to be fast', async t => {
  const window = new RateWindow({ limit: () => 100_000 })
  let now = feed(window, 1000, 100, 0, 5000)
  const before = window.size
  for (let n = 0; n < 40; n++) {
    window.onShortage()
    now = feed(window, 20, 100, now, 200)
  }
  t.ok(window.size > before / 2, `${before} to ${window.size}`)
  feed(window, 20, 100, now, 2000)
  t.ok(window.size < before / 10, `${before} to ${window.size}: it was asked for enough, and gives no more`)
})

t.test('while readers need pieces in order, the reserve is 150 ms', async t => {
  let hasReaders = true
  const window = new RateWindow({ limit: () => 100_000, hasReaders: () => hasReaders })
  feed(window, 1000, 100, 0, 5000)
  t.ok(Math.abs(window.size - 1000 * (0.1 + 0.15)) < 20, String(window.size))
  hasReaders = false
  t.ok(Math.abs(window.size - 1000 * (0.1 + 0.75)) < 20, String(window.size))
})

t.test(
  'it knows the longest recent pause of the peer, without pauses in which nothing was requested',
  async t => {
    const window = new RateWindow({ limit: () => 1000 })
    for (const now of [0, 10, 210, 220]) window.onBlock(BLOCK_BYTES, 20, now)
    t.equal(window.longestPauseMs, 200)
    window.onShortage()
    window.onBlock(BLOCK_BYTES, 20, 400)
    t.equal(window.longestPauseMs, 200)
    feed(window, 100, 20, 410, 5000)
    t.ok(window.longestPauseMs < 30, String(window.longestPauseMs))
    t.ok(window.lastBlockAt! > 5000)
  },
)
