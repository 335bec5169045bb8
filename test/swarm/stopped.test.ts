/** A process that was stopped (SIGSTOP, a laptop's sleep) finds every deadline moved by the time in which it did not run. */

import t from 'tap'
import { HttpTracker } from '../../src/discovery/http-tracker.ts'
import { RunningClock } from '../../src/ports/clock.ts'
import { RANDOM_SEED } from '../helpers/random-seed.ts'
import { SimulatedSwarm } from '../helpers/simulation/swarm.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

const KiB = 1024

/** Starts one seed of 64 KiB/s, and one client with a timeout of ten seconds without a block. */
function start() {
  const swarm = new SimulatedSwarm({ seed: RANDOM_SEED, pieces: 64 })
  const clock = new RunningClock(swarm.clock)
  const seed = swarm.join({ complete: true, limitUp: 64 * KiB, clock: new RunningClock(swarm.clock) })
  const leecher = swarm.join({ timeout: 10_000, clock })
  const ends: string[] = []
  leecher.torrent.on('disconnected', (_, reason) => ends.push(reason))
  leecher.torrent.on('error', error => ends.push(error.message))
  return { swarm, clock, seed, leecher, ends }
}

for (const seconds of [60, 600])
  t.test(`a process that is stopped for ${seconds} s in a download continues with the same peer`, async t => {
    const { swarm, leecher, ends } = start()
    await swarm.start()
    await swarm.clock.run({ for: 5000 })
    const { verified } = leecher.torrent.progress
    t.ok(verified > 0 && verified < swarm.length, `SEED=${RANDOM_SEED}`)
    swarm.clock.stop(seconds * 1000)
    await swarm.finish([leecher])
    t.strictSame(ends, [], `SEED=${RANDOM_SEED}`)
    t.ok(leecher.doneAt - leecher.startedAt < seconds * 1000 + 30_000)
    await swarm.close()
  })

t.test('a process that is stopped while it connects has the rest of the time for the handshake', async t => {
  const { swarm, leecher, ends } = start()
  await swarm.start()
  await swarm.clock.run({ for: 30 })
  t.equal(leecher.torrent.progress.peers, 0, 'no handshake yet')
  swarm.clock.stop(60_000)
  await swarm.finish([leecher])
  t.strictSame(ends, [], `SEED=${RANDOM_SEED}`)
  await swarm.close()
})

t.test(
  'only time in which the process ran counts: a silent seed is given up after --timeout, not before',
  async t => {
    const { swarm, seed, ends } = start()
    await swarm.start()
    await swarm.clock.run({ for: 5000 })
    seed.host.unplug()
    await swarm.clock.run({ for: 5000 })
    swarm.clock.stop(60_000)
    await swarm.clock.run({ for: 3000 })
    t.strictSame(ends, [], `SEED=${RANDOM_SEED}`)
    await swarm.clock.run({ until: () => ends.length > 0, for: 10_000 })
    t.match(ends, [/10 s/])
    await swarm.close()
  },
)

t.test('a tracker that was asked before the stop has the rest of its time', async t => {
  const machine = new VirtualClock()
  let given = false
  const tracker = new HttpTracker('http://tracker.example/announce', {
    userAgent: 'tsdl',
    clock: new RunningClock(machine),
    timeout: 10_000,
    open: (_, { signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          given = true
          reject(signal.reason)
        })
      }),
  })
  const id = Buffer.alloc(20)
  const request = {
    infoHash: id,
    peerId: id,
    port: 1,
    uploaded: 0,
    downloaded: 0,
    left: 1,
    numwant: 1,
    key: 1,
  }
  const announced = t.rejects(tracker.announce(request), /no answer within 10 s/)
  await machine.advance(1000)
  machine.stop(60_000)
  await machine.advance(8000)
  t.equal(given, false)
  await machine.advance(2000)
  t.equal(given, true)
  await announced
})
