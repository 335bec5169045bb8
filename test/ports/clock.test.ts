import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { RunningClock, systemClock } from '../../src/ports/clock.ts'
import { inProject } from '../helpers/project.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

function clocks() {
  const machine = new VirtualClock()
  const clock = new RunningClock(machine)
  /** Calls, with their times by the clock of the machine. */
  const calls: [name: string, at: number][] = []
  const set = (name: string, ms: number) => clock.setTimeout(() => calls.push([name, machine.now()]), ms)
  return { machine, clock, calls, set }
}

t.test('while the process runs, the clock agrees with the clock of the machine', async t => {
  const { machine, clock, calls, set } = clocks()
  set('second', 2000)
  set('first', 1000)
  clock.clearTimeout(set('never', 1500))
  await machine.advance(5000)
  t.strictSame(calls, [
    ['first', 1000],
    ['second', 2000],
  ])
  t.equal(clock.now(), 5000)
})

t.test('time in which the process was stopped does not count: each timer waits for its rest', async t => {
  const { machine, clock, calls, set } = clocks()
  set('soon', 1100)
  set('handshake', 10_000)
  set('idle', 130_000)
  await machine.advance(1000)
  const before = clock.now()
  machine.stop(60_000)
  t.equal(clock.now(), before, 'as if it had not been')
  await machine.advance(99)
  t.strictSame(calls, [], 'nothing is called before its time, though the machine says that it is late')
  await machine.advance(200_000)
  t.strictSame(calls, [
    ['soon', 61_100],
    ['handshake', 70_000],
    ['idle', 190_000],
  ])
})

t.test('a stop is noticed by the first timer that is due', async t => {
  const { machine, clock, calls, set } = clocks()
  let seen = -1
  clock.setTimeout(() => {
    seen = clock.now()
  }, 100)
  set('long', 1000)
  await machine.advance(50)
  machine.stop(3_600_000)
  await machine.advance(0)
  t.equal(seen, -1)
  await machine.advance(100)
  t.equal(seen, 100)
  await machine.advance(2000)
  t.match(calls, [['long', 3_601_050]], 'not even what passed since the last look')
})

t.test(
  'several stops are noticed, also one that follows before the timers were moved for the last one',
  async t => {
    const { machine, calls, set } = clocks()
    set('late', 4000)
    for (let stop = 0; stop < 3; stop++) {
      await machine.advance(1000)
      machine.stop(5000)
    }
    await machine.advance(999)
    t.strictSame(calls, [])
    await machine.advance(1)
    t.match(calls, [['late', 19_000]])
  },
)

t.test('a second in which the event loop was busy counts', async t => {
  const { machine, clock, calls, set } = clocks()
  set('due', 500)
  machine.stop(1000)
  t.equal(clock.now(), 1000)
  await machine.advance(0)
  t.match(calls, [['due', 1000]])
})

t.test('without a timer the clock of the machine is not polled', async t => {
  const { machine, clock, set } = clocks()
  const timer = set('never', 1000)
  t.equal(machine.pending, 2, 'the timer and the next look')
  clock.clearTimeout(timer)
  clock.clearTimeout(timer)
  clock.clearTimeout(undefined)
  t.equal(machine.pending, 0)
  machine.stop(60_000)
  t.equal(clock.now(), 60_000, 'waiting for nothing is not being stopped')
  set('called', 10)
  await machine.advance(10)
  t.equal(machine.pending, 0)
})

t.test('the clock of the machine does not follow the wall clock', async t => {
  const before = systemClock.now()
  const now = Date.now()
  t.intercept(Date, 'now', { value: () => now + 86_400_000 })
  t.ok(systemClock.now() - before < 3_600_000)
})

t.test('a wait longer than the maximum of setTimeout is divided', async t => {
  const waits: number[] = []
  const clock = new RunningClock({
    now: () => 0,
    setTimeout: (_, ms) => ({ ms: waits.push(ms) }),
    clearTimeout: () => {},
  })
  clock.setTimeout(() => {}, 30 * 86_400_000)
  t.equal(waits[0], 2 ** 31 - 1)
  clock.setTimeout(() => {}, -1)
  t.equal(waits.at(-1), 0, 'and none is in the past')
})

/** Files that use the wall clock, with the reasons. */
const WALL_CLOCK = {
  'ports/clock.ts': 'is the clock',
  'ports/timer-queue.ts': 'is a clock, over another',
  'cli/create.ts': 'the date in a .torrent',
  'cli/download-run.ts': 'the time of an event',
  'cli/get.ts': 'the age of resume records',
  'server/page/create-page.ts': 'the time that the page shows',
  'cli/json-reporter.ts': 'the time of an event',
  'pipeline/fetch-metadata.ts': 'the rhythm of reports',
  'cli/daemon/daemon-reporter.ts': 'the time of an event',
  'server/remote-control.ts': 'the date by default',
  'session/hooks/session-hooks.ts': 'the date by default',
  'session/session.ts': 'the date by default',
  'session/session-options.ts': 'the documentation of that',
  'storage/run-file-job.ts': 'how long the device takes to sync, measured in a worker',
  'storage/file-watch.ts': 'how often files are compared: after a gap, at once',
}

t.test('time is measured only with an injected clock or the system clock', async t => {
  const src = inProject('src')
  const others = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
    path =>
      path.endsWith('.ts') &&
      !path.startsWith('page/') && // they run in a browser
      /\b(Date\.now|performance\.now|hrtime|setInterval)\b|(?<![.#\w])setTimeout\(/.test(
        readFileSync(join(src, path), 'utf8'),
      ),
  )
  t.strictSame(
    others.filter(path => !(path in WALL_CLOCK)),
    [],
  )
})
