import t from 'tap'
import { TimerQueue } from '../../src/ports/timer-queue.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

function queue() {
  const machine = new VirtualClock()
  const timers = new TimerQueue(machine)
  const calls: [name: string | number, at: number][] = []
  const set = (name: string | number, ms: number) =>
    timers.setTimeout(() => calls.push([name, machine.now()]), ms)
  return { machine, timers, calls, set }
}

t.test('timers are called at their time, and in the order of setting at the same time', async t => {
  const { machine, calls, set } = queue()
  set('third', 200)
  set('first', 100)
  set('second', 100)
  await machine.advance(1000)
  t.strictSame(calls, [
    ['first', 100],
    ['second', 100],
    ['third', 200],
  ])
  t.equal(machine.pending, 0)
})

t.test('any number of timers takes one timer of the clock below, and none without timers', async t => {
  const { machine, timers, set } = queue()
  const all = Array.from({ length: 1000 }, (_, at) => set(at, 1 + ((at * 7919) % 1000)))
  t.equal(machine.pending, 1)
  for (const timer of all) timers.clearTimeout(timer)
  t.equal(machine.pending, 0)
})

t.test('a cleared timer is not called, whichever it is', async t => {
  for (let cleared = 0; cleared < 20; cleared++) {
    const { machine, timers, calls, set } = queue()
    const all = Array.from({ length: 20 }, (_, at) => set(at, 100 * ((at * 7) % 20)))
    timers.clearTimeout(all[cleared])
    timers.clearTimeout(all[cleared])
    await machine.advance(10_000)
    t.equal(calls.length, 19)
    t.notOk(calls.some(([name]) => name === cleared))
    t.strictSame(
      calls,
      calls.toSorted(([, a], [, b]) => a - b),
    )
    t.equal(machine.pending, 0)
  }
})

t.test('when most timers are cleared, the others are called at their time', async t => {
  const { machine, timers, calls, set } = queue()
  const all = Array.from({ length: 500 }, (_, at) => set(at, (at * 263) % 997))
  all.forEach((timer, at) => {
    if (at % 10) timers.clearTimeout(timer)
  })
  await machine.advance(1000)
  const expected = Array.from({ length: 50 }, (_, at) => [10 * at, (10 * at * 263) % 997] as const)
  t.strictSame(
    calls,
    expected.toSorted(([, a], [, b]) => a - b),
  )
})

t.test('a timer that is set or cleared by another one takes effect', async t => {
  const { machine, timers, calls, set } = queue()
  const other = set('cleared', 100)
  timers.setTimeout(() => {
    timers.clearTimeout(other)
    set('at once', 0)
    set('soon', 50)
  }, 99)
  timers.setTimeout(() => timers.clearTimeout(same), 200)
  const same = set('cleared at its own time', 200)
  await machine.advance(1000)
  t.strictSame(calls, [
    ['at once', 99],
    ['soon', 149],
  ])
  t.equal(machine.pending, 0)
})

t.test('a timer that throws loses no other timer', async t => {
  const { machine, timers, calls, set } = queue()
  timers.setTimeout(() => {
    throw new Error('thrown')
  }, 100)
  set('same time', 100)
  set('later', 200)
  await t.rejects(machine.advance(1000), { message: 'thrown' })
  await machine.advance(1000)
  t.strictSame(
    calls.map(([name]) => name),
    ['same time', 'later'],
  )
})

t.test('a timer that is overdue is set for now, not for a time in the past', async t => {
  let now = 0
  const waits: number[] = []
  const timers = new TimerQueue({
    now: () => now,
    setTimeout: (_, ms) => ({ at: waits.push(ms) }),
    clearTimeout: () => {},
  })
  const first = timers.setTimeout(() => {}, 100)
  timers.setTimeout(() => {}, 200)
  now = 300
  timers.clearTimeout(first)
  t.strictSame(waits, [100, 0])
})
