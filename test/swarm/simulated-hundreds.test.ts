import t from 'tap'
import { shuffled } from '../../src/ports/random.ts'
import { RANDOM_SEED } from '../helpers/random-seed.ts'
import { SimulatedSwarm } from '../helpers/simulation/swarm.ts'

const KiB = 1024

t.test('two hundred peers that know only a few others all finish', async t => {
  const swarm = new SimulatedSwarm({ seed: RANDOM_SEED, pieces: 16 })
  const up = 64 * KiB
  for (let seeds = 0; seeds < 2; seeds++) swarm.join({ complete: true, up: 4 * up })
  const leechers = Array.from({ length: 200 }, () => {
    const known = shuffled(swarm.members, swarm.random).slice(0, 3)
    return swarm.join({ up, peers: known.map(({ address }) => address) })
  })
  await swarm.start()
  await swarm.finish(leechers)
  const took = leechers.map(({ doneAt, startedAt }) => (doneAt - startedAt) / 1000).sort((a, b) => a - b)
  const last = took.at(-1)!
  const ideal = (swarm.length * leechers.length) / ((leechers.length + 2 * 4) * up)
  const [first, median] = [took[0]!, took[100]!].map(time => time.toFixed(1))
  t.comment(
    `SEED=${RANDOM_SEED}: first ${first} s, median ${median}, last ${last.toFixed(1)}; ${ideal.toFixed(1)} at best`,
  )
  // two or three rounds of the choker pass before every peer has something to upload
  t.ok(last <= 4 * ideal, `SEED=${RANDOM_SEED}: the last took ${last} s, of ${ideal} at best`)
  t.ok(leechers.every(({ storage }) => storage.holds(swarm.made.content)))
  await swarm.close()
  t.same([swarm.network.open, swarm.clock.pending], [0, 0], 'nothing is left')
})
