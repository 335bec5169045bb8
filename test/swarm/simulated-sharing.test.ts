import t, { type Test } from 'tap'
import { SimulatedSwarm } from '../helpers/simulation/swarm.ts'

const SEED = Number(process.env.SEED ?? 1)
const KiB = 1024

const closed = async (t: Test, swarm: SimulatedSwarm) => {
  await swarm.close()
  t.same([swarm.network.open, swarm.clock.pending], [0, 0], 'nothing is left')
}

t.test('ten who start together at one seed pass on what they get', async t => {
  for (const limited of [false, true]) {
    const up = 256 * KiB
    const swarm = new SimulatedSwarm({ seed: SEED, pieces: 128, pieceLength: 32 * KiB })
    const seed = swarm.join({ complete: true, ...(limited ? { limitUp: up } : { up }) })
    const leechers = Array.from({ length: 10 }, () => swarm.join({ up: 2 * up, down: 2 * up }))
    await swarm.start()
    await swarm.finish(leechers)
    const ideal = (swarm.length / up) * 1000
    const last = Math.max(...leechers.map(({ doneAt }) => doneAt - seed.startedAt)) / ideal
    const copies = seed.torrent.progress.uploaded / swarm.length
    const wasted = Math.max(...leechers.map(({ torrent }) => torrent.progress.wasted)) / swarm.length
    const name = `SEED=${SEED}, ${limited ? 'limit' : 'link'}`
    t.comment(`${name}: last ${last.toFixed(2)}, ${copies.toFixed(2)} copies, wasted ${wasted.toFixed(3)}`)
    // alone at the seed, all ten would take 10; 1.25 is what we want to come to
    t.ok(last < 1.7, `${name}: the last took ${last} times as long as one copy`)
    t.ok(copies < 1.7, `${name}: the seed sent ${copies} copies`)
    t.ok(wasted < 0.15, `${name}: ${wasted} of the torrent came in vain`)
    t.ok(leechers.every(({ storage }) => storage.holds(swarm.made.content)))
    await closed(t, swarm)
  }
})

t.test('rate limits are kept to 5 % over ten seconds, and shared evenly', async t => {
  for (const direction of ['limitUp', 'limitDown'] as const) {
    const rate = 200 * KiB
    const swarm = new SimulatedSwarm({ seed: SEED, pieces: 256, pieceLength: 32 * KiB })
    const limited = direction === 'limitUp'
    const seeds = Array.from({ length: limited ? 1 : 4 }, () =>
      swarm.join({ complete: true, ...(limited ? { limitUp: rate } : {}) }),
    )
    const peers = seeds.map(({ address }) => address)
    const leechers = Array.from({ length: limited ? 4 : 1 }, () =>
      swarm.join({ peers, ...(limited ? {} : { limitDown: rate }) }),
    )
    await swarm.start()
    await swarm.clock.run({ for: 5000 })
    const flows = () =>
      limited
        ? leechers.map(({ torrent }) => torrent.progress.downloaded)
        : seeds.map(({ torrent }) => torrent.progress.uploaded)
    const counted = () => {
      const { uploaded, downloaded } = (limited ? seeds : leechers)[0]!.torrent.progress
      return limited ? uploaded : downloaded
    }
    const [flowsBefore, before] = [flows(), counted()]
    await swarm.clock.run({ for: 10_000 })
    const got = (counted() - before) / 10 / rate
    const shares = flows().map((bytes, at) => (bytes - flowsBefore[at]!) / 10 / (rate / 4))
    const name = `SEED=${SEED}, ${direction}`
    t.comment(`${name}: ${got.toFixed(3)} of the rate, shares ${shares.map(share => share.toFixed(2))}`)
    t.ok(Math.abs(got - 1) < 0.05, `${name}: ${got} of the rate`)
    t.ok(Math.min(...shares) > 0.7 && Math.max(...shares) < 1.3, `${name}: shares ${shares}`)
    await closed(t, swarm)
  }
})

t.test('a peer that goes silent with the last blocks costs a few seconds', async t => {
  const rate = 256 * KiB
  const run = async (stalls: boolean) => {
    const swarm = new SimulatedSwarm({ seed: SEED, pieces: 128, pieceLength: 32 * KiB })
    const silent = swarm.join({ complete: true, up: rate })
    swarm.join({ complete: true, up: rate })
    const leecher = swarm.join()
    await swarm.start()
    await swarm.clock.run({ until: () => leecher.torrent.verified.count >= 120 })
    if (stalls) swarm.network.partition(silent.host, leecher.host)
    await swarm.finish([leecher])
    const { wasted } = leecher.torrent.progress
    t.ok(leecher.storage.holds(swarm.made.content))
    const result = { took: leecher.doneAt - leecher.startedAt, wasted: wasted / swarm.length }
    await closed(t, swarm)
    return result
  }
  const [calm, stalled] = [await run(false), await run(true)]
  const cost = stalled.took - calm.took
  t.comment(`SEED=${SEED}: costs ${cost.toFixed(0)} ms, wasted ${stalled.wasted.toFixed(4)}`)
  t.ok(cost < 4000, `SEED=${SEED}: ${cost} ms longer`)
  t.ok(
    stalled.wasted <= 0.01 && calm.wasted <= 0.01,
    `SEED=${SEED}: wasted ${stalled.wasted}, ${calm.wasted}`,
  )
})
