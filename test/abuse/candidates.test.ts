import t from 'tap'
import { encodeExtendedHandshake } from '../../src/codec/extended.ts'
import { Candidates } from '../../src/pipeline/swarm/candidates.ts'
import { ExternalAddress } from '../../src/pipeline/swarm/external-address.ts'
import { RANDOM_SEED } from '../helpers/random-seed.ts'
import { dialFrom } from '../helpers/simulation/scripted.ts'
import { SimulatedSwarm } from '../helpers/simulation/swarm.ts'
import { RESERVED_BYTES } from '../helpers/wire.ts'

const KiB = 1024
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/**
 * A download from one seed that begins after many short connections from one address. Each of them claims to listen at
 * another port, where a silent server accepts connections.
 */
async function downloadAfterConnections(connections: number) {
  const swarm = new SimulatedSwarm({ seed: RANDOM_SEED, pieces: 64, pieceLength: 64 * KiB })
  const seed = swarm.join({ complete: true, up: 512 * KiB })
  const victim = swarm.join({ peers: [seed.address] })
  const attacker = swarm.network.host('10.200.0.1', { latency: 5 })
  const dialled: number[] = []
  const servers = Array.from({ length: connections }, (_, n) => {
    const port = 10_000 + n
    const server = attacker.createServer(socket => {
      dialled.push(port)
      socket.destroy()
    })
    server.listen({ port, host: attacker.address })
    const sendGreeting = (wire: ReturnType<typeof dialFrom>) => {
      wire.sendHandshake({ reserved: RESERVED_BYTES.extended })
      const payload = encodeExtendedHandshake({ client: 'x', reqq: 1, extensions: {}, port })
      wire.send({ type: 'extended', id: 0, payload })
      swarm.clock.setTimeout(() => wire.socket.destroy(), 15)
    }
    swarm.clock.setTimeout(() => dialFrom(swarm, attacker, victim.address, { sendGreeting }), 10 * n)
    return server
  })
  await swarm.start([victim])
  await swarm.clock.run({ for: 10 * connections + 1000 })
  await swarm.start([seed])
  const from = swarm.clock.now()
  await swarm.finish([victim])
  const took = victim.doneAt - from
  for (const server of servers) server.close()
  await swarm.close()
  return { took, dialled }
}

t.test(
  '1,500 short connections with a port each do not make us dial these ports, or miss the seed',
  async t => {
    const { dialled, took } = await downloadAfterConnections(1500)
    t.comment(
      `SEED=${RANDOM_SEED}: ${dialled.length} times, ${new Set(dialled).size} ports; ${took.toFixed(0)} ms`,
    )
    t.ok(dialled.length <= 60, `SEED=${RANDOM_SEED}: ${dialled.length} dials of one host`)
    // the seed was dialled without success until it began: about once a minute by then
    t.ok(took <= 2 * MINUTE_MS, `SEED=${RANDOM_SEED}: ${took} ms`)
  },
)

const address = (n: number, port = 6881) => ({ host: `20.${(n >> 8) & 255}.${n & 255}.1`, port })

/** The addresses that are dialled within a minute if none answers, 32 at a time. */
function dialAll(candidates: Candidates, from: number): string[] {
  const hosts: string[] = []
  for (let now = from; now < from + MINUTE_MS; now += 1000) {
    for (let n = 0; n < 32; n++) {
      const candidate = candidates.takeNext(now)
      if (!candidate) break
      hosts.push(candidate.address.host)
      candidates.onClose(candidate, now, false, 'connect ECONNREFUSED')
    }
  }
  return hosts
}

t.test(
  'addresses from trackers and the user have room and are dialled, however many others are named',
  async t => {
    for (const source of ['PEX', 'DHT', 'LSD', 'incoming']) {
      for (const honest of ['option', 'http://tracker.example']) {
        const candidates = new Candidates()
        for (let n = 0; n < 20_000; n++) candidates.add(address(n), source, { referrer: `t${n % 300}` })
        t.ok(candidates.size <= 1024, `${source}: ${candidates.size}`)
        t.equal(candidates.add({ host: '30.0.0.1', port: 1 }, honest), true)
        t.ok(dialAll(candidates, 0).includes('30.0.0.1'), `${source}, ${honest}`)
      }
    }
  },
)

t.test('one peer that names thousands of addresses does not displace those of others', async t => {
  const candidates = new Candidates()
  for (let n = 0; n < 1000; n++) candidates.add(address(n), 'PEX', { referrer: `honest ${n % 20}` })
  for (let n = 0; n < 10_000; n++) candidates.add(address(n, 7), 'PEX', { referrer: 'liar' })
  const ports = new Map<number, number>()
  for (let found = candidates.takeNext(0); found; found = candidates.takeNext(0)) {
    ports.set(found.address.port, (ports.get(found.address.port) ?? 0) + 1)
  }
  t.ok(ports.get(6881)! >= 850, `${ports.get(6881)} of 1,000 honest ones are left`)
  t.ok(ports.get(7)! <= 128)
})

t.test('a host gets a few ports, more from a tracker, and new ports replace those that failed', async t => {
  for (const [source, most] of [
    ['PEX', 4],
    ['DHT', 4],
    ['incoming', 4],
    ['http://tracker.example', 16],
  ] as const) {
    const candidates = new Candidates()
    const ports = (from: number) => {
      for (let port = from; port < from + 500; port++) candidates.add({ host: '20.0.0.1', port }, source)
    }
    ports(1)
    t.equal(candidates.size, most, source)
    t.equal(dialAll(candidates, 0).length, most * 5, `${source}: each with growing pauses`)
    ports(1000)
    t.equal(candidates.size, most, 'replaced')
    t.equal(candidates.takeNext(MINUTE_MS), undefined, 'another port of that host is not dialled sooner')
  }
})

t.test('an address is forgotten after ten failures, or after half an hour out of reach', async t => {
  const candidates = new Candidates()
  candidates.add(address(1), 'PEX', { now: 0 })
  for (let minute = 0; minute < 20; minute++) dialAll(candidates, minute * MINUTE_MS)
  t.equal(candidates.size, 0)
  t.same([...candidates.listIdle()], [[address(1), 'connect ECONNREFUSED']], 'but not why')
  candidates.add(address(2), 'PEX', { now: 0 })
  t.equal(candidates.takeNext(31 * MINUTE_MS), undefined)
  t.equal(candidates.size, 0)
  candidates.add(address(3), 'http://tracker.example', { now: 31 * MINUTE_MS })
  dialAll(candidates, 31 * MINUTE_MS)
  candidates.takeNext(HOUR_MS)
  t.equal(candidates.size, 1, 'a tracker will name it again')
})

t.test('a seed dials no seeds, and gives up on peers that left', async t => {
  const candidates = new Candidates()
  const seeding = { seeding: true }
  candidates.add(address(1), 'http://tracker.example')
  candidates.add(address(2), 'http://tracker.example')
  const [first, second] = [candidates.takeNext(0, seeding)!, candidates.takeNext(0, seeding)!]
  first.seed = true
  candidates.onClose(first, 0, true)
  candidates.onClose(second, 0, false)
  let dialled = 0
  for (let now = 0; now < HOUR_MS; now += 1000) {
    const candidate = candidates.takeNext(now, seeding)
    if (!candidate) continue
    t.same(candidate.address, address(2))
    candidates.onClose(candidate, now, false)
    dialled++
  }
  t.equal(dialled, 2, 'three attempts in all')
  t.same(candidates.takeNext(HOUR_MS)?.address, address(1), 'a downloader dials it')
})

t.test(
  'our external address is believed when three addresses agree, and not from one host alone',
  async t => {
    const external = new ExternalAddress()
    for (let n = 0; n < 1000; n++) t.equal(external.vote('1.1.1.1', n % 2 ? '9.9.9.1' : '9.9.9.2'), undefined)
    t.equal(external.vote('1.1.1.2', '8.8.8.8'), undefined)
    t.equal(external.vote('1.1.1.3', '8.8.8.8'), undefined)
    t.equal(external.vote('1.1.1.3', '8.8.8.8'), undefined, 'the same one again')
    t.equal(external.vote('1.1.1.4', '2001:db8::1'), undefined, 'of another family')
    t.equal(external.vote('1.1.1.5', '8.8.8.8'), '8.8.8.8')
  },
)

t.test('changing reports of our external address cost no more than dialling', async t => {
  const busy = (seen: boolean) => {
    const candidates = new Candidates()
    for (let n = 0; n < 1500; n++) candidates.add(address(n), `http://tracker${n % 5}.example`)
    const before = process.cpuUsage().user
    for (let n = 0; n < 1000; n++) {
      if (seen) candidates.setOwnAddress({ host: `9.9.9.${n % 2}`, port: 6881 })
      if (n % 100 === 0) candidates.takeNext(0)
    }
    return process.cpuUsage().user - before
  }
  busy(true)
  const cost = Math.min(...Array.from({ length: 5 }, () => busy(true)))
  t.comment(`${cost / 1000} ms for a thousand changes`)
  // each change used to compute the priority of every address: about three seconds
  const one = Math.min(...Array.from({ length: 5 }, () => onePass()))
  t.ok(cost <= 100 * one, `${cost} µs, ${one} µs for one pass over all`)
  function onePass() {
    const candidates = new Candidates()
    for (let n = 0; n < 1500; n++) candidates.add(address(n), `http://tracker${n % 5}.example`)
    candidates.setOwnAddress({ host: '9.9.9.9', port: 6881 })
    const before = process.cpuUsage().user
    candidates.takeNext(0)
    return Math.max(1, process.cpuUsage().user - before)
  }
})
