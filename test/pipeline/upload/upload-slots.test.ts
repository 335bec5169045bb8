import t from 'tap'
import { uploadSlots } from '../../../src/pipeline/upload/upload-slots.ts'

const KIB_BYTES = 1024

/** Returns the slots of each round. `rateOf` returns the upload rate for a number of slots. */
function rounds(count: number, rateOf: (slots: number, round: number) => number, slots?: number): number[] {
  return Array.from({ length: count }, (_, round) => {
    slots = uploadSlots({ rate: rateOf(slots ?? 0, round), slots })
    return slots
  })
}

t.test('the number of slots is the square root of a limit, at once', async t => {
  for (const [limit, slots] of [
    [1, 4],
    [20 * KIB_BYTES, 4],
    [107 * KIB_BYTES, 8],
    [1024 * KIB_BYTES, 25],
    [10_240 * KIB_BYTES, 78],
    [1e9, 100],
  ] as const) {
    t.equal(uploadSlots({ limit, rate: 0 }), slots, `${limit} bytes a second`)
    t.equal(uploadSlots({ limit, rate: 1e9, slots: 50 }), slots, 'whatever was before')
  }
})

t.test('an infinite limit counts as none', async t => {
  t.equal(uploadSlots({ limit: Number.POSITIVE_INFINITY, rate: 1e9 }), 8)
  t.equal(uploadSlots({ limit: Number.POSITIVE_INFINITY, rate: 1e9, slots: 8 }), 9)
})

t.test('without a limit there are eight slots while little is uploaded', async t => {
  t.same(
    rounds(5, () => 0),
    [8, 8, 8, 8, 8],
  )
  t.same(
    rounds(3, () => 50 * KIB_BYTES),
    [8, 8, 8],
  )
})

t.test('the slots follow the upload rate by one slot a round, up to a hundred', async t => {
  const up = rounds(60, () => 1024 * KIB_BYTES)
  t.same(up.slice(0, 4), [8, 9, 10, 11])
  t.equal(up.at(-1), 25)
  t.equal(rounds(200, () => 1e9).at(-1), 100)
  const down = rounds(60, () => 107 * KIB_BYTES, 25)
  t.same(down.slice(0, 3), [24, 23, 22])
  t.equal(down.at(-1), 9)
})

t.test('a rate on the border between two numbers does not change the slots back and forth', async t => {
  const border = ((20.5 * 20.5) / 0.6) * KIB_BYTES
  const slots = rounds(100, (_, round) => border * (round % 2 ? 1.02 : 0.98), 15).slice(20)
  t.equal(new Set(slots).size, 1, String(slots))
})

t.test(
  'when the network is the bottleneck, the number of slots settles, with more per slot on a faster network',
  async t => {
    let before = 0
    for (const line of [200 * KIB_BYTES, 2000 * KIB_BYTES, 10_000 * KIB_BYTES]) {
      // each peer takes at most 300 KiB/s, and all together at most the rate of the link
      const slots = rounds(200, slots => Math.min(line, slots * 300 * KIB_BYTES))
      t.equal(new Set(slots.slice(-50)).size, 1, 'at rest')
      const share = line / slots.at(-1)!
      t.ok(share > before, `${share} bytes a second for each of ${slots.at(-1)}`)
      before = share
    }
  },
)

t.test('a shared limit gets its slots at once, and they follow the upload rate from there', async t => {
  const shared = { limit: 1024 * KIB_BYTES, isLimitShared: true }
  const first = uploadSlots({ ...shared, rate: 0 })
  t.equal(first, 25)
  t.equal(
    uploadSlots({ ...shared, rate: 1024 * KIB_BYTES, slots: first }),
    25,
    'the torrent has the limit for itself',
  )
  t.equal(
    uploadSlots({ ...shared, rate: 107 * KIB_BYTES, slots: first }),
    24,
    'other torrents have most of it',
  )
  t.equal(uploadSlots({ ...shared, rate: 0, slots: 8 }), 8)
  t.equal(uploadSlots({ ...shared, rate: 1e9, slots: 25 }), 25, 'never more than the limit has')
  t.equal(uploadSlots({ limit: 20 * KIB_BYTES, isLimitShared: true, rate: 20 * KIB_BYTES, slots: 4 }), 4)
})
