import t from 'tap'
import { ExitError } from '../../src/cli/exit.ts'
import { runUntilSignal } from '../../src/cli/run-until-signal.ts'
import { settle, VirtualClock } from '../helpers/virtual-clock.ts'

const never = new Promise<never>(() => {})

/** Work that does not end by itself, on a torrent that closes when `goodbye` settles. */
function interrupted(goodbye: Promise<void>) {
  const clock = new VirtualClock()
  const closed = { times: 0 }
  const torrent = {
    close() {
      closed.times++
      return goodbye
    },
  }
  let ended: unknown
  runUntilSignal(torrent, () => never, clock).catch(error => {
    ended = error
  })
  return { clock, closed, ended: () => ended }
}

for (const [signal, exitCode] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  t.test(`${signal} ends a run with ${exitCode} after the goodbyes`, async t => {
    const listeners = process.listenerCount(signal)
    const { clock, closed, ended } = interrupted(Promise.resolve())
    process.emit(signal)
    await settle()
    t.match(ended(), { exitCode })
    t.type(ended(), ExitError)
    t.equal(closed.times, 1)
    t.equal(clock.pending, 0)
    t.equal(process.listenerCount(signal), listeners)
  })

  t.test(`${signal} waits at most two seconds for goodbyes without an answer`, async t => {
    const { clock, ended } = interrupted(never)
    process.emit(signal)
    await clock.advance(1000)
    t.equal(ended(), undefined, 'they get time')
    await clock.advance(999)
    t.match(ended(), { exitCode })
  })

  t.test(`a second ${signal} ends a run at once`, async t => {
    const { clock } = interrupted(never)
    const exits = t.capture(process, 'exit', (() => {}) as typeof process.exit)
    process.emit(signal)
    process.emit(signal)
    t.match(exits(), [{ args: [exitCode] }])
    await clock.advance(2000)
  })
}
