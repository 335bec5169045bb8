import t, { type Test } from 'tap'
import type { BottleneckKind } from '../../src/pipeline/diagnosis/bottleneck.ts'
import { RateLimit } from '../../src/pipeline/limits/rate-limit.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { LoopLoad, LoopTimes } from '../../src/ports/loop-load.ts'
import { type Member, SimulatedSwarm } from '../helpers/simulation/swarm.ts'

const SEED = Number(process.env.SEED ?? 1)
const KiB = 1024
/** Virtual milliseconds within which the sentence follows a change. */
const MOST_MS = 3_000

/** An event loop that is busy for a share of the virtual time. */
class FakeLoop implements LoopLoad {
  /** The number of users that measure it. */
  users = 0
  readonly #clock: Clock
  #share = 0
  #since = 0
  #busyMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  setBusy(share: number): void {
    this.#busyMs = this.read().busyMs
    this.#since = this.#clock.now()
    this.#share = share
  }

  start(): void {
    this.users++
  }

  stop(): void {
    this.users--
  }

  read(): LoopTimes {
    const now = this.#clock.now()
    const busyMs = this.#busyMs + (now - this.#since) * this.#share
    return { busyMs, idleMs: now - busyMs, timers: now, delayMs: now * 12 }
  }
}

/** Waits until the bottleneck of a member is of this kind. Returns its sentence. */
async function follow(swarm: SimulatedSwarm, { torrent }: Member, kind: BottleneckKind): Promise<string> {
  const until = () => torrent.bottleneck.kind === kind
  await swarm.clock.run({ until, for: MOST_MS }).catch(() => {
    throw new Error(`SEED=${SEED}: expected ${kind}, got ${JSON.stringify(torrent.bottleneck)}`)
  })
  // it lasts
  await swarm.clock.run({ for: 1000 })
  const { bottleneck } = torrent
  t.equal(bottleneck.kind, kind, bottleneck.sentence)
  return bottleneck.sentence
}

const close = async (t: Test, swarm: SimulatedSwarm) => {
  await swarm.close()
  t.same([swarm.network.open, swarm.clock.pending], [0, 0], 'nothing is left')
}

t.test('the sentence follows the limit of a download from one seed within three seconds', async t => {
  const swarm = new SimulatedSwarm({ seed: SEED, pieces: 2000 })
  const { clock } = swarm
  const up = new RateLimit({ clock, rate: 64 * KiB })
  const down = new RateLimit({ clock })
  const loop = new FakeLoop(clock)
  const seed = swarm.join({ complete: true, limitUp: up })
  const leecher = swarm.join({ limitDown: down, loopLoad: loop })
  await swarm.start()
  t.match(
    await follow(swarm, leecher, 'peers'),
    /^the only peer that sends, 10\.0\.0\.1:6881, gives no more than [67]\d(\.\d)? KiB\/s$/,
  )

  up.rate = Number.POSITIVE_INFINITY
  down.rate = 32 * KiB
  t.match(
    await follow(swarm, leecher, 'down-limit'),
    /^our limit of 32 KiB\/s \(--down\): reads waited for it \d+ % of/,
  )

  down.rate = Number.POSITIVE_INFINITY
  up.rate = 256 * KiB
  await follow(swarm, leecher, 'peers')

  const { storage } = leecher
  const write = storage.write.bind(storage)
  storage.write = (position, bytes) =>
    new Promise(resolve => clock.setTimeout(() => resolve(write(position, bytes)), 1500))
  t.match(
    await follow(swarm, leecher, 'disk'),
    /^the disk: a write of 16 KiB takes 1\.5 s, and pieces waited/,
  )

  storage.write = write
  await follow(swarm, leecher, 'peers')
  loop.setBusy(0.95)
  t.match(
    await follow(swarm, leecher, 'cpu'),
    /^our CPU: the event loop was busy 9\d % of the time, 0 % with hashing, and late by 12 ms$/,
  )

  loop.setBusy(0)
  await follow(swarm, leecher, 'peers')
  for (const peer of seed.torrent.peers) peer.unchoke = () => {}
  for (const peer of seed.torrent.peers) peer.responder.choke()
  t.equal(await follow(swarm, leecher, 'choked'), 'the only peer that has what is missing chokes us')
  t.strictSame(leecher.torrent.bottleneck.outcomes, [{ address: '10.0.0.1:6881', outcome: 'chokes us' }])

  void seed.torrent.close()
  seed.listener.close()
  t.match(
    await follow(swarm, leecher, 'unreachable'),
    /^the only peer, 10\.0\.0\.1:6881, (closed|refused) the connection/,
  )
  void leecher.torrent.pause()
  t.equal(await follow(swarm, leecher, 'none'), 'paused')
  t.equal(leecher.torrent.progress.limit, 'none')
  t.equal(loop.users, 0, 'the event loop is measured only while the torrent downloads')
  await close(t, swarm)
})
