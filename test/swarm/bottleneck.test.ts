import t, { type Test } from 'tap'
import { encode } from '../../src/codec/bencode.ts'
import type { BottleneckKind } from '../../src/pipeline/diagnosis/bottleneck.ts'
import { RateLimit } from '../../src/pipeline/limits/rate-limit.ts'
import { Torrent } from '../../src/pipeline/torrent.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { LoopLoad, LoopTimes } from '../../src/ports/loop-load.ts'
import { WindowStorage } from '../../src/storage/window-storage.ts'
import { RANDOM_SEED } from '../helpers/random-seed.ts'
import { listenAt } from '../helpers/simulation/scripted.ts'
import { type Member, SimulatedSwarm } from '../helpers/simulation/swarm.ts'

const KiB = 1024
/** Maximum virtual milliseconds until the sentence follows a change. */
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
async function follow(
  swarm: SimulatedSwarm,
  { torrent }: Pick<Member, 'torrent'>,
  kind: BottleneckKind,
): Promise<string> {
  await swarm.clock.run({ until: () => torrent.bottleneck.kind === kind, for: MOST_MS }).catch(() => {
    throw new Error(`SEED=${RANDOM_SEED}: expected ${kind}, got ${JSON.stringify(torrent.bottleneck)}`)
  })
  // the bottleneck lasts
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
  const swarm = new SimulatedSwarm({ seed: RANDOM_SEED, pieces: 2000 })
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

t.test(
  'the sentence names what the only peer lacks, its silence, and its short queue on a long link',
  async t => {
    const swarm = new SimulatedSwarm({ seed: RANDOM_SEED, pieces: 400 })
    let isSilent = false
    const partial = listenAt(swarm, swarm.host(), { has: index => index >= 100 })
    const short = listenAt(swarm, swarm.host({ latency: 300 }), {
      sendGreeting: wire => {
        wire.sendGreeting({ handshake: { reserved: Uint8Array.from([0, 0, 0, 0, 0, 0x10, 0, 0]) } })
        wire.send({ type: 'extended', id: 0, payload: encode({ m: {}, reqq: 8 }) })
      },
      request: (block, wire) => isSilent || wire.sendBlock(block),
    })
    const alone = swarm.join({ peers: [] })
    const first = swarm.join({ peers: [partial.address] })
    const second = swarm.join({ peers: [short.address], latency: 300 })
    await swarm.start()
    t.equal(await follow(swarm, alone, 'no-peers'), 'no peers are known, and no tracker is asked')
    t.equal(await follow(swarm, first, 'missing'), 'the only peer lacks what is missing (availability 0.75)')
    t.equal(
      await follow(swarm, second, 'round-trip'),
      'the round trip of 600 ms to 10.0.1.1:6881: it accepts 8 requests at a time',
    )
    isSilent = true
    t.equal(await follow(swarm, second, 'silent'), 'the only peer, 10.0.1.1:6881, answers no request')
    t.strictSame(second.torrent.bottleneck.outcomes, [
      { address: '10.0.1.1:6881', outcome: 'answers no request' },
    ])
    for (const peer of [partial, short]) peer.close()
    await close(t, swarm)
  },
)

t.test('the sentence names little memory on a long link, and a reader that stops', async t => {
  const swarm = new SimulatedSwarm({ seed: RANDOM_SEED, pieces: 4000 })
  const [seed] = [0, 1, 2, 3].map(() => swarm.join({ complete: true, latency: 200 }))
  const leecher = swarm.join({ latency: 200, memory: 65_536 })
  const storage = new WindowStorage()
  const torrent = new Torrent(swarm.made.metainfo, {
    ...{ clock: swarm.clock, connect: swarm.host().connect, storage, trackers: false, memory: 1 << 20 },
    peers: [seed!.address],
  })
  await swarm.start()
  torrent.start()
  const reader = torrent.files[0]!.stream()
  reader.on('data', () => {})
  t.equal(
    await follow(swarm, leecher, 'memory'),
    'the memory for data in flight (--memory): 4 pieces of 16 KiB are in flight, and no more fit',
  )
  t.not(torrent.bottleneck.kind, 'reader')
  reader.pause()
  t.match(
    await follow(swarm, { torrent }, 'reader'),
    /^the reader takes (no more than .*|nothing): it waited for data \d+ % of/,
  )
  reader.destroy()
  t.equal(await follow(swarm, { torrent }, 'reader'), 'the reader: nothing is read at the moment')
  await torrent.close()
  await close(t, swarm)
})
