/**
 * The policies that give connections and readers to clients when there are too few, and the slots, on a virtual clock.
 */
import t from 'tap'
import { addressKey } from '../../src/codec/address-key.ts'
import { type Admitted, admit, defaultQuota, STALLED_RESPONSE_MS } from '../../src/server/admission.ts'
import { LoopTurns } from '../../src/server/loop-turns.ts'
import { findOverdrawn, MIN_READ_RATE } from '../../src/server/reader-fairness.ts'
import { READER_WAIT_MS, REVIEW_MS, ReaderSlots } from '../../src/server/reader-slots.ts'
import { settle, VirtualClock } from '../helpers/virtual-clock.ts'

t.test('an address counts for itself, in IPv6 with its /64', async t => {
  const rows: [string, string][] = [
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['127.0.0.9', '127.0.0.9'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
    ['fe80::1%eth0', 'fe80::/64'],
    ['::1', '::/64'],
    ['', ''],
  ]
  for (const [host, group] of rows) t.equal(addressKey(host), group, host)
  t.equal(defaultQuota(addressKey('::ffff:127.0.0.1')), 1024)
  t.equal(defaultQuota(addressKey('::1')), 1024)
  t.equal(defaultQuota(addressKey('10.0.0.1')), 32)
  t.equal(defaultQuota(addressKey('::2:0:0:0:1')), 32)
})

const idle = (group: string, lastActive: number, authenticated = false): Admitted => {
  return { group, authenticated, busy: false, lastActive }
}
const busy = (group: string, lastActive: number): Admitted => {
  return { group, authenticated: true, busy: true, lastActive }
}
const READER_LIMITS = { total: 4, perGroup: 3 }
const NOW_MS = 1_000_000

t.test('while there is room every newcomer is admitted', async t => {
  t.equal(admit([], 'a', READER_LIMITS, NOW_MS), 'admit')
  t.equal(admit([idle('a', 0), idle('a', 0)], 'a', READER_LIMITS, NOW_MS), 'admit')
})

t.test('at its quota a newcomer takes the place of its own group alone', async t => {
  const own = [idle('a', 5), idle('a', 3), idle('a', 9)]
  t.equal(admit([idle('b', 0), ...own], 'a', { total: 99, perGroup: 3 }, NOW_MS), own[1])
  const working = [busy('a', NOW_MS), busy('a', NOW_MS), busy('a', NOW_MS)]
  t.equal(admit([idle('b', 0), ...working], 'a', READER_LIMITS, NOW_MS), 'refuse')
})

t.test(
  'with all places taken, idle connections give way before busy ones: unauthenticated first, of the largest group, the oldest',
  async t => {
    const oldest = [busy('a', NOW_MS), idle('b', 2), idle('c', 1), idle('d', 3)]
    t.equal(admit(oldest, 'e', READER_LIMITS, NOW_MS), oldest[2])
    const unauthenticated = [busy('a', NOW_MS), idle('b', 1, true), idle('c', 8), idle('d', 2, true)]
    t.equal(admit(unauthenticated, 'e', READER_LIMITS, NOW_MS), unauthenticated[2])
    const largest = [idle('honest', 1), idle('b', 4), idle('b', 3), idle('c', 2)]
    t.equal(admit(largest, 'e', READER_LIMITS, NOW_MS), largest[2])
    const kept = [busy('a', NOW_MS), busy('b', NOW_MS), busy('c', NOW_MS), idle('d', NOW_MS, true)]
    t.equal(admit(kept, 'e', READER_LIMITS, NOW_MS), kept[3], 'one that waits between two requests')
  },
)

t.test(
  'a response that its client reads never gives way; one that it stopped reading does, last of all',
  async t => {
    const reading = Array.from('abcd', group => busy(group, NOW_MS - STALLED_RESPONSE_MS + 1))
    t.equal(admit(reading, 'e', READER_LIMITS, NOW_MS), 'refuse')
    const stalled = [...reading.slice(1), busy('a', NOW_MS - STALLED_RESPONSE_MS)]
    t.equal(admit(stalled, 'e', READER_LIMITS, NOW_MS), stalled[3])
    const withIdle = [...stalled.slice(1), idle('b', NOW_MS, true)]
    t.equal(admit(withIdle, 'e', READER_LIMITS, NOW_MS), withIdle[3])
  },
)

const reader = (group: string, taken: number, waitsForClient = true) => ({ group, taken, waitsForClient })

t.test('a reader is revoked for its client being slow, or its group having more than its share', async t => {
  const fast = MIN_READ_RATE * 10
  const from = (readers: ReturnType<typeof reader>[], ...groups: string[]) =>
    findOverdrawn(
      readers,
      groups.map(group => ({ group })),
      10,
    ).map(({ slot }) => readers.indexOf(slot))
  t.strictSame(from([reader('a', 0)]), [], 'no request waits')
  t.strictSame(from([reader('a', fast), reader('a', fast - 1)], 'a'), [1])
  t.strictSame(from([reader('a', 0, false), reader('a', fast)], 'a'), [], 'it waits for the torrent')
  t.strictSame(from([reader('a', 9), reader('a', 5), reader('a', 7)], 'b'), [1], 'one for each request')
  t.strictSame(from([reader('a', 9), reader('a', 5), reader('a', 7)], 'b', 'b'), [1, 2])
  const large = [reader('a', fast + 2), reader('a', fast + 1), reader('b', fast)]
  t.strictSame(from(large, 'c'), [1], 'the slowest of the largest group')
  t.strictSame(from(large, 'b'), [], 'one more is no reason')
  t.strictSame(from(large, 'c', 'd'), [1], 'then all have as many')
  const { reason } = findOverdrawn([reader('a', 7)], [{ group: 'b' }], 10)[0]!
  t.equal(reason, 'its client a took 7 bytes in 10 s while others waited')
})

const BUSY_ERROR = { message: /files are being read already/ }

/** Creates a client at an address, and records its result. */
const client = (group: string) => {
  const controller = new AbortController()
  return { group, closed: controller.signal, touch() {}, leave: () => controller.abort() }
}

t.test('a free reader goes to the address that has the fewest, and there to the oldest request', async t => {
  const clock = new VirtualClock()
  const slots = new ReaderSlots({ maxReaders: 2, maxWaiting: 9 }, clock)
  const held = [await slots.acquire(client('a')), await slots.acquire(client('a'))]
  const order: string[] = []
  const wait = (group: string, name: string) =>
    slots.acquire(client(group)).then(slot => {
      order.push(name)
      return slot
    })
  const waiting = [wait('a', 'a1'), wait('b', 'b1'), wait('b', 'b2'), wait('c', 'c1')]
  held[0]!.release()
  held[0]!.release()
  await settle()
  t.strictSame(order, ['b1'], 'releasing twice gives one')
  held[1]!.release()
  await settle()
  t.strictSame(order, ['b1', 'a1'])
  ;(await waiting[0]!).release()
  await settle()
  t.strictSame(order, ['b1', 'a1', 'c1'])
  ;(await waiting[1]!).release()
  await settle()
  t.equal(slots.active, 2)
  for (const slot of await Promise.all(waiting)) slot.release()
  t.equal(slots.active, 0)
  t.equal(clock.pending, 0)
})

t.test('the wait for a reader ends by time, by a full queue, and when the client leaves', async t => {
  const clock = new VirtualClock()
  const slots = new ReaderSlots({ maxReaders: 1, maxWaiting: 2 }, clock)
  const slot = await slots.acquire(client('a'))
  slot.take(1)
  const leaving = client('b')
  const left = t.rejects(slots.acquire(leaving), { name: 'AbortError' })
  leaving.leave()
  await left
  await t.rejects(slots.acquire(leaving), { name: 'AbortError' }, 'it has left already')
  const first = slots.acquire(client('b'))
  const second = t.rejects(slots.acquire(client('b')), BUSY_ERROR)
  await t.rejects(slots.acquire(client('b')), BUSY_ERROR, 'the queue is full')
  const other = slots.acquire(client('c'))
  await second
  const rejections = [t.rejects(first, BUSY_ERROR), t.rejects(other, BUSY_ERROR)]
  await clock.advance(READER_WAIT_MS)
  await Promise.all(rejections)
  t.equal(clock.pending, 0)
})

t.test('a client that reads nothing keeps its reader until another one waits', async t => {
  const clock = new VirtualClock()
  const slots = new ReaderSlots({ maxReaders: 1, maxWaiting: 9 }, clock)
  const paused = await slots.acquire(client('a'))
  let reason = ''
  paused.onRevoke(error => {
    reason = error.message
    paused.release()
  })
  paused.waitsForClient = true
  await clock.advance(10 * REVIEW_MS)
  t.equal(reason, '')
  const next = slots.acquire(client('a'))
  await clock.advance(REVIEW_MS - 1)
  t.equal(reason, '')
  await clock.advance(1)
  t.match(reason, /took 0 bytes in 10 s/)
  ;(await next).release()
  t.equal(clock.pending, 0)
})

t.test('a client that reads keeps its reader, however many of its own address wait', async t => {
  const clock = new VirtualClock()
  const slots = new ReaderSlots({ maxReaders: 1, maxWaiting: 9 }, clock)
  const slot = await slots.acquire(client('a'))
  slot.onRevoke(({ message }) => t.fail(message))
  slot.waitsForClient = true
  const waiting = Array.from({ length: 5 }, () => slots.acquire(client('a')))
  const rejections = waiting.map(wait => t.rejects(wait, BUSY_ERROR))
  for (let review = 0; review < 3; review++) {
    slot.take(MIN_READ_RATE * 10)
    await clock.advance(REVIEW_MS)
  }
  await Promise.all(rejections)
})

t.test('jobs take turns: one step per turn of the event loop', async t => {
  const turns = new LoopTurns()
  const steps: string[] = []
  let inThisTurn = 0
  let maximum = 0
  let running = true
  const count = () => {
    inThisTurn = 0
    if (running) setImmediate(count)
  }
  setImmediate(count)
  const job = async (name: string) => {
    for (let step = 0; step < 3; step++) {
      await turns.next()
      maximum = Math.max(maximum, ++inThisTurn)
      steps.push(name + step)
    }
  }
  await Promise.all(['a', 'b', 'c'].map(job))
  running = false
  t.strictSame(steps, ['a0', 'b0', 'c0', 'a1', 'b1', 'c1', 'a2', 'b2', 'c2'])
  t.equal(maximum, 1)
})
