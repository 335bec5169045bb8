import t from 'tap'
import { RateLimit, type Ticket } from '../../../src/pipeline/limits/rate-limit.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import { generator } from '../../helpers/feed.ts'

import { settle, VirtualClock } from '../../helpers/virtual-clock.ts'

const KIB_BYTES = 1024

/** Runs peers that request again as soon as they are granted. Returns the bytes that each was granted. */
function greedy(limit: RateLimit, peers: number, bytes: () => number, isLate = false): number[] {
  const got = Array<number>(peers).fill(0)
  const ask = (peer: number) => {
    const size = bytes()
    limit.take(size, () => {
      got[peer]! += size
      if (isLate) queueMicrotask(() => ask(peer))
      else ask(peer)
    })
  }
  for (let peer = 0; peer < peers; peer++) ask(peer)
  return got
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
const near = (value: number, right: number, factor = 0.05) => Math.abs(value - right) <= right * factor

t.test('over ten seconds the rate is kept to five percent, however many peers share it', async t => {
  for (const rate of [10_000, 1_000_000, 100_000_000]) {
    for (const peers of [1, 10, 100]) {
      for (const isLate of [false, true]) {
        const clock = new VirtualClock()
        const limit = new RateLimit({ rate, clock })
        // at most a twentieth of a second, so that the last request alone does not exceed the five percent
        const got = greedy(limit, peers, () => Math.min(64 * KIB_BYTES, rate / 100), isLate)
        await clock.advance(10_000)
        const what = `${limit.granted} bytes at ${rate} a second with ${peers} peers`
        t.ok(near(limit.granted, rate * 10), what)
        t.equal(sum(got), limit.granted)
        limit.close()
      }
    }
  }
})

t.test('peers that request all the time get equal shares', async t => {
  for (const rate of [10_000, 1_000_000, 100_000_000]) {
    for (const peers of [10, 100]) {
      const clock = new VirtualClock()
      const limit = new RateLimit({ rate, clock })
      const bytes = Math.min(64 * KIB_BYTES, rate / 100)
      // the first request gets the burst
      limit.take(rate / 4, () => {})
      const got = greedy(limit, peers, () => bytes)
      // time for forty requests of each, so that one more or less does not matter
      await clock.advance(((40 * peers * bytes) / rate) * 1000)
      const mean = sum(got) / peers
      for (const bytes of got) {
        if (!near(bytes, mean)) t.fail(`${bytes} of ${mean} bytes at ${rate} a second with ${peers} peers`)
      }
      t.ok(mean >= 38 * bytes)
      limit.close()
    }
  }
})

t.test('shares are equal in bytes, whatever the size of each request', async t => {
  const clock = new VirtualClock()
  const rate = 1_000_000
  const limit = new RateLimit({ rate, clock })
  limit.take(rate / 4, () => {})
  const sizes = [1, 3, 4, 10, 64].map(size => size * KIB_BYTES)
  const got = sizes.map(() => 0)
  const ask = (peer: number) => {
    limit.take(
      sizes[peer]!,
      () => {
        got[peer]! += sizes[peer]!
        queueMicrotask(() => ask(peer))
      },
      owners[peer],
    )
  }
  const owners = sizes.map(() => ({}))
  for (const peer of sizes.keys()) ask(peer)
  await clock.advance(10_000)
  const mean = sum(got) / got.length
  for (const bytes of got) t.ok(near(bytes, mean), `${bytes} of ${mean} bytes`)
  limit.close()
})

t.test('a peer that was idle has no claim to what others used meanwhile', async t => {
  const clock = new VirtualClock()
  const limit = new RateLimit({ rate: 100_000, clock })
  const [a, b] = [{}, {}]
  const got = { a: 0, b: 0 }
  const ask = (name: 'a' | 'b', key: object) => {
    const go = () => {
      got[name] += KIB_BYTES
      queueMicrotask(() => ask(name, key))
    }
    limit.take(KIB_BYTES, go, key)
  }
  ask('a', a)
  await clock.advance(10_000)
  const before = got.a
  ask('b', b)
  await clock.advance(10_000)
  t.ok(near(got.b, got.a - before), `${got.b} and ${got.a - before}`)
  limit.close()
})

t.test(
  'over any period the granted bytes are at least the rate, and at most the rate, the burst and one request',
  async t => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = generator(seed)
      const clock = new VirtualClock()
      const rate = 10 ** (3 + 4 * random())
      const burst = 1 + 500 * random()
      const limit = new RateLimit({ rate, clock, burst })
      greedy(limit, 1 + Math.floor(random() * 10), () => Math.ceil(random() * 64 * KIB_BYTES))
      const seen: [number, number][] = []
      for (let span = 0; span < 50; span++) {
        await clock.advance(random() * 300)
        seen.push([clock.now(), limit.granted])
      }
      const maximum = (rate * burst) / 1000 + 64 * KIB_BYTES
      for (const [from, before] of seen) {
        for (const [to, after] of seen) {
          if (to < from) continue
          const fair = ((to - from) * rate) / 1000
          // timers have a resolution of a millisecond, so a grant may be late by one
          if (after - before > fair + maximum || after - before < fair - 64 * KIB_BYTES - (rate * 2) / 1000) {
            t.fail(`${after - before} bytes in ${to - from} ms at ${rate} a second, seed ${seed}`)
          }
        }
      }
      limit.close()
    }
    t.pass()
  },
)

t.test('the rate holds when timers fire late by up to the burst', async t => {
  const clock = new VirtualClock()
  const lateClock: Clock = {
    now: () => clock.now(),
    setTimeout: (call, ms) => clock.setTimeout(call, ms + 30),
    clearTimeout: timer => clock.clearTimeout(timer),
  }
  const limit = new RateLimit({ rate: 10_000_000, clock: lateClock })
  greedy(limit, 10, () => 16 * KIB_BYTES)
  await clock.advance(10_000)
  t.ok(near(limit.granted, 1e8), String(limit.granted))
  limit.close()
})

t.test('a timer that fires early grants nothing and is set again', async t => {
  const clock = new VirtualClock()
  const early: Clock = {
    now: () => clock.now(),
    setTimeout: (call, ms) => clock.setTimeout(call, Math.max(1, ms - 5)),
    clearTimeout: timer => clock.clearTimeout(timer),
  }
  const limit = new RateLimit({ rate: 1000, clock: early })
  limit.take(1250, () => {})
  const granted: number[] = []
  limit.take(1, () => granted.push(clock.now()))
  await clock.advance(2000)
  t.same(granted, [1001])
})

t.test('without a rate every request is granted at once', async t => {
  for (const rate of [undefined, Number.POSITIVE_INFINITY]) {
    const clock = new VirtualClock()
    const limit = new RateLimit({ rate, clock })
    let granted = 0
    for (let ask = 0; ask < 100; ask++)
      t.equal(
        limit.take(1e9, () => granted++),
        undefined,
      )
    t.equal(granted, 100)
    t.equal(limit.granted, 1e11)
    t.equal(clock.pending, 0)
  }
})

t.test(
  'a request is granted at once while there are tokens, and otherwise when the debt is paid',
  async t => {
    const clock = new VirtualClock()
    const limit = new RateLimit({ rate: 1000, clock })
    const granted: [string, number][] = []
    const take = (name: string, bytes: number) => limit.take(bytes, () => granted.push([name, clock.now()]))
    t.equal(take('a', 1250), undefined, 'more than the burst, and granted all the same')
    t.equal(clock.pending, 0, 'no request waits, so there is no timer')
    t.ok(take('b', 100))
    t.ok(take('c', 1))
    t.equal(clock.pending, 1, 'one timer for all that wait')
    t.equal(limit.waiting, 2)
    await clock.advance(5000)
    // 250 - 1250 is paid after 1000 ms, and another 100, less the tokens of one millisecond, after 100 more
    t.same(granted, [
      ['a', 0],
      ['b', 1001],
      ['c', 1100 + 1],
    ])
    t.equal(clock.pending, 0)
    t.equal(limit.waiting, 0)
  },
)

t.test('unused tokens accumulate up to the burst', async t => {
  const clock = new VirtualClock()
  const limit = new RateLimit({ rate: 1000, clock, burst: 100 })
  await clock.advance(60_000)
  greedy(limit, 1, () => 10)
  t.equal(limit.granted, 100)
  limit.close()
})

t.test('no timer is pending while no request waits', async t => {
  const clock = new VirtualClock()
  const limit = new RateLimit({ rate: 1000, clock })
  limit.take(10_000, () => {})
  t.equal(clock.pending, 0)
  const ticket = limit.take(1, () => t.fail('was cancelled'))
  t.equal(clock.pending, 1)
  limit.cancel(ticket)
  t.equal(clock.pending, 0)
  await clock.advance(60_000)
})

t.test('when the first request is cancelled, the next is granted in its place', async t => {
  const clock = new VirtualClock()
  const limit = new RateLimit({ rate: 1000, clock })
  limit.take(1250, () => {})
  const granted: [string, number][] = []
  const take = (name: string) => limit.take(1, () => granted.push([name, clock.now()]))
  const [a, , c] = [take('a'), take('b'), take('c'), take('d')]
  limit.cancel(a)
  limit.cancel(c)
  limit.cancel(a)
  t.equal(clock.pending, 1)
  await clock.advance(1001)
  t.same(granted[0], ['b', 1001])
  await clock.advance(1000)
  t.same(
    granted.map(([name]) => name),
    ['b', 'd'],
  )
  t.equal(limit.granted, 1252)
})

t.test('a peer that requests again at once is queued behind the peers that wait', async t => {
  const clock = new VirtualClock()
  const limit = new RateLimit({ rate: 1000, clock })
  const order: string[] = []
  const again = () => {
    order.push('again')
    limit.take(100, again)
  }
  limit.take(250, () => {})
  limit.take(100, again)
  for (const name of ['b', 'c']) limit.take(100, () => order.push(name))
  await clock.advance(450)
  t.same(order, ['again', 'b', 'c', 'again', 'again'])
  limit.close()
})

t.test(
  'a hundred thousand requests, each made from the grant of the previous one, do not overflow the stack',
  async t => {
    const clock = new VirtualClock()
    const limit = new RateLimit({ rate: 1e9, clock })
    let left = 100_000
    const again = () => {
      if (--left > 0) limit.take(1, again)
    }
    limit.take(1, again)
    t.equal(left, 0)
    t.equal(limit.granted, 100_000)
    t.equal(clock.pending, 0)
  },
)

t.test('a grant that throws does not affect the other requests', async t => {
  const clock = new VirtualClock()
  const limit = new RateLimit({ rate: 1000, clock })
  let granted = false
  t.throws(() =>
    limit.take(1, () => {
      limit.take(1, () => {
        granted = true
      })
      throw new Error('mine')
    }),
  )
  await clock.advance(10)
  t.equal(granted, true)
  t.equal(clock.pending, 0)
})

t.test('a closed limit drops all waiting requests, also when it is closed by a grant', async t => {
  const clock = new VirtualClock()
  const limit = new RateLimit({ rate: 1000, clock })
  limit.take(100, () => {
    limit.take(100, () => t.fail('was dropped'))
    limit.close()
  })
  limit.take(1, () => t.fail('is closed'))
  limit.close()
  t.equal(clock.pending, 0)
  await clock.advance(60_000)
  await settle()
})

t.test('a wait longer than the longest timer is supported', async t => {
  const clock = new VirtualClock()
  const longest: number[] = []
  const watched: Clock = {
    now: () => clock.now(),
    setTimeout: (call, ms) => {
      longest.push(ms)
      return clock.setTimeout(call, ms)
    },
    clearTimeout: timer => clock.clearTimeout(timer),
  }
  const limit = new RateLimit({ rate: 1, clock: watched })
  limit.take(3_000_000, () => {})
  let at = 0
  limit.take(1, () => {
    at = clock.now()
  })
  await clock.advance(4e9)
  t.ok(near(at, 3e9, 1e-6), String(at))
  t.ok(longest.every(ms => ms < 2 ** 31))
})

t.test('an invalid rate or burst is rejected with its name', async t => {
  const clock = new VirtualClock()
  for (const rate of [0, -1, Number.NaN]) {
    t.throws(() => new RateLimit({ rate, clock }), {
      name: 'InputError',
      code: 'ERR_USAGE',
      message: `rate: expected bytes a second above 0, got ${rate}; leave it out for no limit`,
    })
  }
  for (const burst of [0, 0.5, -1, Number.NaN]) {
    t.throws(() => new RateLimit({ rate: 1, burst, clock }), {
      name: 'InputError',
      message: /^burst: .* got /,
    })
  }
})

t.test('a ticket is undefined if and only if the request was granted at once', async t => {
  const random = generator(7)
  const clock = new VirtualClock()
  const limit = new RateLimit({ rate: 100_000, clock })
  for (let ask = 0; ask < 500; ask++) {
    let called = false
    const ticket: Ticket | undefined = limit.take(Math.ceil(random() * 16 * KIB_BYTES), () => {
      called = true
    })
    if (called !== (ticket === undefined)) t.fail(`ask ${ask}, seed 7`)
    await clock.advance(random() * 150)
  }
  t.pass()
  limit.close()
})
