import t, { type Test } from 'tap'
import { RANDOM_SEED } from '../helpers/random-seed.ts'
import { type Member, SimulatedSwarm } from '../helpers/simulation/swarm.ts'

const KiB = 1024

const closed = async (t: Test, swarm: SimulatedSwarm) => {
  await swarm.close()
  t.same([swarm.network.open, swarm.clock.pending], [0, 0], 'nothing is left')
}

/** Returns the times at which these peers were complete, in seconds since their start, sorted. */
const times = (members: readonly Member[]) =>
  members.map(({ doneAt, startedAt }) => (doneAt - startedAt) / 1000).sort((a, b) => a - b)
const median = (sorted: readonly number[]) => sorted[sorted.length >> 1]!
const seconds = (sorted: readonly number[]) =>
  [sorted[0]!, median(sorted), sorted.at(-1)!].map(time => time.toFixed(0)).join(', ')

t.test('peers that upload equally finish at the same time', async t => {
  const swarm = new SimulatedSwarm({ seed: RANDOM_SEED, pieces: 96 })
  swarm.join({ complete: true, limitUp: 64 * KiB })
  const peers = Array.from({ length: 12 }, () => swarm.join({ limitUp: 32 * KiB }))
  await swarm.start()
  await swarm.finish(peers)
  const took = times(peers)
  t.comment(`SEED=${RANDOM_SEED}: ${seconds(took)} s (first, median, last)`)
  t.ok(took.at(-1)! - took[0]! <= 0.25 * median(took), `SEED=${RANDOM_SEED}: ${took}`)
  await closed(t, swarm)
})

t.test('peers that upload finish before peers that do not', async t => {
  // A download takes a minute or more. In a shorter one, a few choke rounds and optimistic unchokes decide by chance.
  const swarm = new SimulatedSwarm({ seed: RANDOM_SEED, pieces: 128 })
  swarm.join({ complete: true, limitUp: 96 * KiB })
  const givers: Member[] = []
  const takers: Member[] = []
  for (let at = 0; at < 18; at++) {
    // at a byte per second it sends one block, and then none for hours
    if (at % 3 === 2) takers.push(swarm.join({ limitUp: 1 }))
    else givers.push(swarm.join({ limitUp: 32 * KiB }))
  }
  // they leave when they are complete, like a download; otherwise their later uploads would go to the others
  for (const { torrent } of givers) torrent.once('done', () => void torrent.close())
  await swarm.start()
  await swarm.finish([...givers, ...takers])
  const [gave, took] = [times(givers), times(takers)]
  t.comment(`SEED=${RANDOM_SEED}: givers ${seconds(gave)} s (first, median, last), takers ${seconds(took)} s`)
  t.ok(
    median(gave) <= 0.75 * median(took),
    `SEED=${RANDOM_SEED}: median ${median(gave)} and ${median(took)} s`,
  )
  t.ok([...givers, ...takers].every(({ storage }) => storage.holds(swarm.made.content)))
  await closed(t, swarm)
})

t.test('forty peers that know only one seed of four slots all get turns', async t => {
  const swarm = new SimulatedSwarm({ seed: RANDOM_SEED, pieces: 160 })
  const seed = swarm.join({ complete: true, limitUp: 24 * KiB })
  const leechers = Array.from({ length: 40 }, () => swarm.join({ peers: [seed.address] }))
  await swarm.start()
  const unchoked: number[] = []
  seed.torrent.on('connected', ({ responder }) => {
    swarm.clock.setTimeout(() => unchoked.push(Number(!responder.amChoking)), 15_000)
  })
  // four turns of a minute at a time are forty in ten minutes, so each peer has two, of which the last may be
  // unfinished
  await swarm.clock.run({ for: 20 * 60_000 })
  const got = leechers.map(({ torrent }) => torrent.progress.downloaded / KiB)
  const sum = got.reduce((sum, bytes) => sum + bytes, 0)
  const jain = sum ** 2 / (got.length * got.reduce((sum, bytes) => sum + bytes ** 2, 0))
  const [least, most] = [Math.min(...got), Math.max(...got)]
  t.comment(`SEED=${RANDOM_SEED}: ${least} to ${most} KiB each, Jain's index ${jain.toFixed(3)}`)
  t.equal(
    unchoked.reduce((sum, one) => sum + one, 0),
    4,
    'slots',
  )
  t.ok(jain >= 0.9, `SEED=${RANDOM_SEED}: Jain's index ${jain}`)
  t.ok(least >= most / 2, `SEED=${RANDOM_SEED}: ${least} to ${most} KiB`)
  await closed(t, swarm)
})
