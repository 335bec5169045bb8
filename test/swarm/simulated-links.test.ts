import t, { type Test } from 'tap'
import { RANDOM_SEED } from '../helpers/random-seed.ts'
import type { HostOptions } from '../helpers/simulation/host.ts'
import { SimulatedSwarm } from '../helpers/simulation/swarm.ts'

const KiB = 1024
/** Bytes per second of each seed. */
const LINK_RATE = 500 * KiB

/** Round trips of the handshakes, the first unchoke and the first request, and of the growth of all windows. */
const ROUND_TRIPS = { one: 5, four: 9 }

interface LinkCase {
  readonly name: string
  readonly rtt: number
  readonly seeds: number
  readonly loss: number
  readonly jitter: number
}

const cases: readonly LinkCase[] = [
  { name: 'a clean link', rtt: 400, seeds: 1, loss: 0, jitter: 0 },
  { name: 'a lossy link', rtt: 400, seeds: 1, loss: 0.01, jitter: 0 },
  { name: 'a lossy link with jitter', rtt: 200, seeds: 1, loss: 0.01, jitter: 50 },
  { name: 'four lossy links with jitter', rtt: 200, seeds: 4, loss: 0.01, jitter: 50 },
  { name: 'four lossy links with jitter', rtt: 400, seeds: 4, loss: 0.01, jitter: 50 },
]

/** Returns the milliseconds that the download and bare streams of the same bytes take, and the wasted bytes. */
async function measure(t: Test, { rtt, seeds, loss, jitter }: LinkCase) {
  const link = { latency: rtt / 2, loss, jitter }
  const swarm = new SimulatedSwarm({ seed: RANDOM_SEED, pieces: 64 * seeds ** 0.5, pieceLength: 32 * KiB })
  const bare = await streamFor(swarm, link, swarm.length, seeds)
  for (let at = 0; at < seeds; at++) swarm.join({ complete: true, up: LINK_RATE, ...link })
  const leecher = swarm.join(link)
  await swarm.start()
  await swarm.finish([leecher], 120_000)
  const { downloaded, wasted } = leecher.torrent.progress
  await swarm.close()
  t.same([swarm.network.open, swarm.clock.pending], [0, 0], 'nothing remains')
  return { took: leecher.doneAt - leecher.startedAt, bare, wasted: wasted / downloaded }
}

for (const each of cases) {
  const { name, rtt } = each
  t.test(`${name}, round trip ${rtt} ms: nearly as fast as bare streams of the same bytes`, async t => {
    const { bare, took, wasted } = await measure(t, each)
    t.comment(
      `SEED=${RANDOM_SEED}: ${took.toFixed(0)} ms, bare ${bare.toFixed(0)} ms, ${(100 * wasted).toFixed(1)} % wasted`,
    )
    t.ok(
      took <= 1.1 * bare + ROUND_TRIPS[each.seeds === 1 ? 'one' : 'four'] * rtt,
      `SEED=${RANDOM_SEED}: ${took} virtual ms, bare ${bare}`,
    )
    t.ok(wasted <= 0.02, `SEED=${RANDOM_SEED}: ${wasted} wasted`)
  })
}

t.test('the same seed gives the same losses', async t => {
  const each = { name: '', rtt: 200, seeds: 1, loss: 0.05, jitter: 50 }
  t.same(await measure(t, each), await measure(t, each), `SEED=${RANDOM_SEED}`)
})

/** Returns the virtual ms that the bytes take in bare streams, one for each seed, each over its own link. */
async function streamFor(
  swarm: SimulatedSwarm,
  link: HostOptions,
  bytes: number,
  seeds: number,
): Promise<number> {
  const begun = swarm.clock.now()
  const to = swarm.host(link)
  let streams = seeds
  for (let at = 0; at < seeds; at++) {
    const from = swarm.host({ up: LINK_RATE, ...link })
    const server = from.createServer(socket => socket.end(Buffer.alloc(bytes / seeds)))
    server.listen({ port: 1 })
    const socket = to.connect({ host: from.address, port: 1 }).resume()
    socket.once('close', () => {
      streams--
      server.close()
    })
  }
  await swarm.clock.run({ until: () => streams === 0, for: 120_000 })
  return swarm.clock.now() - begun
}
