import t, { type Test } from 'tap'
import { BLOCK_LENGTH } from '../../src/codec/message.ts'
import type { Peer } from '../../src/pipeline/peer/peer.ts'
import { RANDOM_SEED } from '../helpers/random-seed.ts'
import { type Member, SimulatedSwarm } from '../helpers/simulation/swarm.ts'

const KiB = 1024

const closed = async (t: Test, swarm: SimulatedSwarm) => {
  await swarm.close()
  t.same([swarm.network.open, swarm.clock.pending], [0, 0], 'nothing is left')
}

/** Without uploads to each other, ten peers would take ten times as long. */
for (const [name, { pieces, up, access, limited }] of Object.entries({
  'that is limited': { pieces: 160, up: 320 * KiB, access: 640 * KiB, limited: true },
  'behind a thin line': { pieces: 160, up: 256 * KiB, access: 512 * KiB, limited: false },
  'that is slow': { pieces: 160, up: 64 * KiB, access: 512 * KiB, limited: true },
})) {
  t.test(`ten peers that start together at one seed ${name} pass on what they get`, async t => {
    const swarm = new SimulatedSwarm({ seed: RANDOM_SEED, pieces, pieceLength: 32 * KiB })
    const seed = swarm.join({ complete: true, ...(limited ? { limitUp: up } : { up }) })
    const leechers = Array.from({ length: 10 }, () => swarm.join({ up: access, down: access }))
    let copies = 0
    for (const { torrent } of leechers) {
      torrent.on('done', () => {
        copies ||= seed.torrent.progress.uploaded / swarm.length
      })
    }
    await swarm.start()
    await swarm.finish(leechers)
    const ideal = (swarm.length / up) * 1000
    const times = leechers.map(({ doneAt }) => (doneAt - seed.startedAt) / ideal)
    const [first, last] = [Math.min(...times), Math.max(...times)]
    const wasted = Math.max(...leechers.map(({ torrent }) => torrent.progress.wasted)) / swarm.length
    t.comment(
      `SEED=${RANDOM_SEED}: first ${first.toFixed(2)}, last ${last.toFixed(2)}, ` +
        `${copies.toFixed(3)} copies when the first had all, wasted ${wasted.toFixed(4)} at most`,
    )
    t.ok(last <= 1.25, `SEED=${RANDOM_SEED}: the last took ${last} times as long as one copy`)
    t.ok(copies <= 1.25, `SEED=${RANDOM_SEED}: the seed sent ${copies} copies`)
    t.ok(wasted <= 0.01, `SEED=${RANDOM_SEED}: ${wasted} of the torrent came in vain to one of them`)
    t.ok(leechers.every(({ storage }) => storage.holds(swarm.made.content)))
    await closed(t, swarm)
  })
}

t.test('rate limits hold within 5 % over ten seconds, and are shared evenly', async t => {
  for (const direction of ['limitUp', 'limitDown'] as const) {
    const rate = 200 * KiB
    const swarm = new SimulatedSwarm({ seed: RANDOM_SEED, pieces: 256, pieceLength: 32 * KiB })
    const limited = direction === 'limitUp'
    // each has its own link, so that they are not synchronized
    const latency = (at: number) => ({ latency: 10 + 30 * at })
    const seeds = Array.from({ length: limited ? 1 : 4 }, (_, at) =>
      swarm.join({ complete: true, ...latency(at), ...(limited ? { limitUp: rate } : {}) }),
    )
    const peers = seeds.map(({ address }) => address)
    const leechers = Array.from({ length: limited ? 4 : 1 }, (_, at) =>
      swarm.join({ peers, ...latency(at), ...(limited ? {} : { limitDown: rate }) }),
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
    const name = `SEED=${RANDOM_SEED}, ${direction}`
    t.comment(`${name}: ${got.toFixed(3)} of the rate, shares ${shares.map(share => share.toFixed(2))}`)
    t.ok(Math.abs(got - 1) < 0.05, `${name}: ${got} of the rate`)
    t.ok(Math.min(...shares) > 0.85 && Math.max(...shares) < 1.15, `${name}: shares ${shares}`)
    await closed(t, swarm)
  }
})

/**
 * Advances the virtual time until it is complete.
 * @returns the maximum number of peers that were asked for one block at the same time
 */
async function finish(swarm: SimulatedSwarm, { torrent }: Member, peers: ReadonlySet<Peer>) {
  const { pieceCount, pieceLength } = swarm.made.metainfo
  let maximum = 0
  while (!torrent.complete) {
    await swarm.clock.run({ for: 25 })
    for (let index = 0; index < pieceCount; index++) {
      if (torrent.verified.has(index)) continue
      for (let block = 0; block < pieceLength / BLOCK_LENGTH; block++) {
        const asked = [...peers].filter(peer => peer.requester.findRequestTime(index, block) !== undefined)
        maximum = Math.max(maximum, asked.length)
      }
    }
  }
  return maximum
}

t.test('a peer that becomes silent with the last blocks, or is slow, costs a few seconds', async t => {
  const rate = 256 * KiB
  const run = async (last: 'calm' | 'silent' | 'slow') => {
    const swarm = new SimulatedSwarm({ seed: RANDOM_SEED, pieces: 128, pieceLength: 32 * KiB })
    const odd = swarm.join({ complete: true, up: last === 'slow' ? rate / 32 : rate })
    for (let seeds = 0; seeds < 3; seeds++) swarm.join({ complete: true, up: rate })
    const leecher = swarm.join()
    const peers = new Set<Peer>()
    leecher.torrent.on('connected', peer => peers.add(peer))
    await swarm.start()
    // it has pending requests, and hardly any other block is missing
    await swarm.clock.run({ until: () => leecher.torrent.verified.count >= 118 })
    if (last === 'silent') swarm.network.partition(odd.host, leecher.host)
    const maximum = await finish(swarm, leecher, peers)
    t.ok(leecher.storage.holds(swarm.made.content))
    const wasted = leecher.torrent.progress.wasted / swarm.length
    const took = leecher.doneAt - leecher.startedAt
    t.comment(
      `SEED=${RANDOM_SEED}, ${last}: ${took.toFixed(0)} ms, ${maximum} asked, wasted ${wasted.toFixed(4)}`,
    )
    t.ok(wasted <= 0.01, `SEED=${RANDOM_SEED}, ${last}: wasted ${wasted}`)
    t.ok(maximum <= 2, `SEED=${RANDOM_SEED}, ${last}: ${maximum} were asked for one block at once`)
    await closed(t, swarm)
    return { took, maximum }
  }
  const [calm, silent, slow] = [await run('calm'), await run('silent'), await run('slow')]
  t.equal(silent.maximum, 2, 'another was asked for what it owed')
  t.ok(silent.took - calm.took <= 5000, `SEED=${RANDOM_SEED}: silent, ${silent.took - calm.took} ms longer`)
  // three quarters of the rate of the link are left
  const ideal = (4 / (3 + 1 / 32)) * calm.took
  t.ok(slow.took - ideal <= 5000, `SEED=${RANDOM_SEED}: slow, ${slow.took - ideal} ms longer`)
})
