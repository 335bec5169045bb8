import t from 'tap'
import { RANDOM_SEED } from '../helpers/random-seed.ts'
import { type Member, SimulatedSwarm } from '../helpers/simulation/swarm.ts'

const MiB = 1 << 20

/**
 * Reads from the first missing piece at or after `index`, for a second after its first bytes. Returns the virtual ms
 * until those arrived.
 */
async function seek(swarm: SimulatedSwarm, { torrent }: Member, index: number) {
  const begun = swarm.clock.now()
  while (torrent.verified.has(index)) index++
  const reader = torrent.files[0]!.stream({ start: index * MiB })
  let first: Uint8Array | undefined
  reader.on('data', chunk => {
    first ??= chunk
  })
  await swarm.clock.run({ until: () => first !== undefined, for: 60_000 })
  const took = swarm.clock.now() - begun
  const isRight = swarm.made.content.subarray(index * MiB, index * MiB + first!.length).equals(first!)
  await swarm.clock.run({ for: 1000 })
  reader.destroy()
  return { took, isRight }
}

for (const isStalling of [false, true]) {
  const name = isStalling ? ', one of which stops' : ''
  t.test(`the first piece after a seek comes from all of eight seeds${name}`, async t => {
    const swarm = new SimulatedSwarm({ seed: RANDOM_SEED, pieces: 64, pieceLength: MiB })
    const seeds = Array.from({ length: 8 }, () => swarm.join({ complete: true, up: 500e3, latency: 50 }))
    const leecher = swarm.join({ latency: 50 })
    await swarm.start()
    await swarm.clock.run({ for: 3000 })
    await seek(swarm, leecher, 0)
    if (isStalling) swarm.network.partition(seeds[3]!.host, leecher.host)
    const { took, isRight } = await seek(swarm, leecher, 40)
    t.comment(`SEED=${RANDOM_SEED}: ${took.toFixed(0)} ms`)
    t.ok(isRight)
    t.ok(took <= (isStalling ? 1500 : 1000), `SEED=${RANDOM_SEED}: ${took} virtual ms`)
    const { downloaded, wasted } = leecher.torrent.progress
    t.ok(wasted <= 0.02 * (downloaded + wasted), `SEED=${RANDOM_SEED}: ${wasted} bytes wasted`)
    await swarm.close()
    t.same([swarm.network.open, swarm.clock.pending], [0, 0], 'nothing remains')
  })
}
