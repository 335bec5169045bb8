import t from 'tap'
import { SimulatedSwarm } from '../helpers/simulation/swarm.ts'

t.test('a torrent shows its pieces, peers, past rates, and the peers that left and why', async t => {
  const swarm = new SimulatedSwarm({ seed: 15, pieces: 40 })
  const seed = swarm.join({ complete: true, limitUp: 20_000 })
  const leech = swarm.join()
  const { clock } = swarm
  await swarm.start()
  await clock.run({ until: () => leech.torrent.progress.verified > 200_000, for: 60_000 })

  const { details } = leech.torrent
  const pieces = details.pieces!
  t.equal(pieces.seeds, 1)
  t.equal(pieces.verified.count, leech.torrent.verified.count)
  t.equal(pieces.wanted.count, 40)
  const active = [...pieces.listActive()]
  t.ok(active.length > 0, 'pieces are in flight')
  t.ok(active.every(index => !pieces.verified.has(index)))
  const received = [...details.listRates(clock.now())].reduce((sum, { down }) => sum + down, 0)
  t.ok(received > 100_000 && received <= leech.torrent.progress.downloaded, `${received} B in samples`)
  t.equal(details.sourceOf(leech.torrent.peers[0]!), 'option')
  t.equal(seed.torrent.details.sourceOf(seed.torrent.peers[0]!), 'incoming')
  t.equal(details.dht, undefined)
  t.strictSame(details.webSeeds, [])

  await seed.torrent.close()
  await clock.run({ until: () => leech.torrent.peers.length === 0, for: 60_000 })
  const [departed, ...others] = [...details.departed]
  t.strictSame(others, [])
  t.match(departed, { address: seed.address, reason: 'closed by the peer' })
  t.ok(departed!.downloaded > 200_000 && departed!.endedAt > departed!.readyAt)
  await swarm.close()
})

t.test(
  'a reader that waits shows the pieces that it waits for, how much came, and from how many peers',
  async t => {
    const swarm = new SimulatedSwarm({ seed: 16, pieces: 10, pieceLength: 131_072 })
    swarm.join({ complete: true, limitUp: 40_000 })
    const leech = swarm.join()
    const { clock } = swarm
    await swarm.start()
    await clock.run({ until: () => leech.torrent.state === 'downloading' && leech.torrent.peers.length > 0 })
    const reader = leech.torrent.files[0]!.stream({ start: 7 * 131_072 })
    reader.on('error', () => {})
    reader.resume()
    await clock.run({
      until: () => [...leech.torrent.details.pieces!.listAwaited()].some(({ part }) => part > 0),
    })
    const [awaited] = leech.torrent.details.pieces!.listAwaited()
    t.match(awaited, { first: 7, last: 9, peers: 1 })
    t.ok(awaited!.part < 1)
    t.ok([...leech.torrent.details.pieces!.listNext()].includes(7))
    reader.destroy()
    await swarm.close()
  },
)
