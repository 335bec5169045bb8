import t, { type Test } from 'tap'
import { ConnectionSlots } from '../../src/pipeline/swarm/connection-slots.ts'
import { RANDOM_SEED } from '../helpers/random-seed.ts'
import type { Wire } from '../helpers/scripted-peer.ts'
import { dialFrom } from '../helpers/simulation/scripted.ts'
import { type Member, SimulatedSwarm } from '../helpers/simulation/swarm.ts'

const KiB = 1024

/** A swarm to attack, and its attackers' connections, which end with it. */
function arena(t: Test) {
  const swarm = new SimulatedSwarm({ seed: RANDOM_SEED, pieces: 64, pieceLength: 64 * KiB })
  const wires: Wire[] = []
  const attack = (host: string, to: Member, sendGreeting?: (wire: Wire) => void) => {
    const machine = swarm.network.hosts.get(host) ?? swarm.network.host(host, { latency: 20 })
    const wire = dialFrom(swarm, machine, to.address, sendGreeting ? { sendGreeting } : {})
    wires.push(wire)
    return wire
  }
  const close = async () => {
    for (const { socket } of wires) socket.destroy()
    await swarm.close()
    t.same([swarm.network.open, swarm.clock.pending], [0, 0], 'nothing is left')
  }
  const open = () => wires.filter(({ closed, bytes }) => !closed && bytes.length > 0).length
  return { swarm, attack, close, open }
}

/**
 * Returns the time that an honest leecher takes at a seed, to which it connects 2 s after `attackers`, in virtual ms.
 */
async function leech(t: Test, attackers: readonly string[], before = 2000) {
  const { swarm, attack, close, open } = arena(t)
  const seed = swarm.join({ complete: true, up: 512 * KiB })
  await swarm.start([seed])
  for (const host of attackers) attack(host, seed)
  await swarm.clock.run({ for: before })
  const held = open()
  const leecher = swarm.join({ peers: [seed.address] })
  await swarm.start([leecher])
  await swarm.finish([leecher])
  const took = leecher.doneAt - leecher.startedAt
  await close()
  return { took, held }
}

const repeated = (host: string, times: number) => Array.from({ length: times }, () => host)

t.test('a hundred handshakes from one address leave room for others', async t => {
  const alone = await leech(t, [])
  const attacked = await leech(t, repeated('10.200.0.1', 100))
  const ratio = attacked.took / alone.took
  t.comment(`SEED=${RANDOM_SEED}: ${ratio.toFixed(2)} times as long beside ${attacked.held} connections`)
  t.equal(attacked.held, 4, 'so many of one address')
  t.ok(ratio <= 1.1, `SEED=${RANDOM_SEED}: ${ratio} times as long`)
})

t.test('idle connections from many addresses give way to a peer that downloads', async t => {
  const addresses = Array.from({ length: 30 }, (_, n) => repeated(`10.200.${n}.1`, 4)).flat()
  const alone = await leech(t, [])
  const attacked = await leech(t, addresses, 40_000)
  const ratio = attacked.took / alone.took
  t.equal(attacked.held, 100)
  t.comment(`SEED=${RANDOM_SEED}: ${ratio.toFixed(2)} times as long`)
  t.ok(ratio <= 1.1, `SEED=${RANDOM_SEED}: ${ratio} times as long`)
})

t.test('a downloader that is full of incoming connections still dials', async t => {
  const run = async (attackers: number) => {
    const { swarm, attack, close, open } = arena(t)
    const seed = swarm.join({ complete: true, up: 512 * KiB })
    const leecher = swarm.join({ peers: [seed.address] })
    await swarm.start([leecher])
    for (let n = 0; n < attackers; n++) attack(`10.200.${n >> 2}.1`, leecher)
    await swarm.clock.run({ for: 5000 })
    const held = open()
    const from = swarm.clock.now()
    await swarm.start([seed])
    await swarm.finish([leecher])
    await close()
    return { took: leecher.doneAt - from, held }
  }
  const [alone, attacked] = [await run(0), await run(120)]
  t.equal(attacked.held, 50, 'incoming connections have half of all')
  const ratio = attacked.took / alone.took
  t.comment(`SEED=${RANDOM_SEED}: ${ratio.toFixed(2)} times as long`)
  t.ok(ratio <= 1.2, `SEED=${RANDOM_SEED}: ${ratio} times as long`)
})

t.test('silent connections from one address do not prevent handshakes from others', async t => {
  const { swarm, attack, close } = arena(t)
  const seed = swarm.join({ complete: true })
  await swarm.start([seed])
  for (let n = 0; n < 2000; n++) attack(`10.200.${n % 250}.1`, seed, () => {})
  await swarm.clock.run({ for: 1000 })
  const honest = attack('10.201.0.1', seed)
  await swarm.clock.run({ for: 1000 })
  t.equal(honest.closed, false)
  t.ok(honest.bytes.length >= 68, 'it is answered')
  await close()
})

/** The properties of a connection that `ConnectionSlots` reads. */
const peerAt = (host: string, more = {}) => ({
  address: { host },
  incoming: true,
  ready: true,
  readyAt: 0,
  unchokedAt: Number.NEGATIVE_INFINITY,
  peerInterested: false,
  requester: { downloaded: 0, amInterested: false },
  responder: { uploaded: 0 },
  ...more,
})

function full(peers: readonly ReturnType<typeof peerAt>[]) {
  const slots = new ConnectionSlots<ReturnType<typeof peerAt>>({ maxPeers: peers.length })
  for (const peer of peers) slots.add(peer, 0)
  return slots
}

t.test(
  'the least useful connection gives way; useful ones, and those that wait for a turn, stay',
  async t => {
    const giving = peerAt('1.1.1.1', { requester: { downloaded: 5, amInterested: true } })
    const waiting = peerAt('1.1.1.2', { peerInterested: true })
    const idle = peerAt('1.1.1.3')
    const lazy = peerAt('1.1.1.4', { peerInterested: true, unchokedAt: 10_000 })
    const slots = full([giving, waiting, idle, lazy])
    t.equal(slots.admit('2.2.2.2', false, 29_000), false, 'not before half a minute')
    slots.tick(29_000)
    t.equal(slots.admit('2.2.2.2', false, 31_000), idle)
    slots.delete(idle)
    slots.add(peerAt('2.2.2.2'), 31_000)
    t.equal(slots.admit('3.3.3.3', false, 31_500), false, 'one a second')
    t.equal(slots.admit('2.2.2.2', false, 33_000), false, 'and for one address one a minute')
    t.equal(slots.admit('3.3.3.3', false, 33_000), lazy)
    slots.delete(lazy)
    slots.add(peerAt('3.3.3.3'), 33_000)
    t.equal(slots.admit('4.4.4.4', false, 50_000), false, 'no other connection may be closed')
  },
)

t.test('new connections displace at most one connection a second', async t => {
  const slots = full(Array.from({ length: 100 }, (_, n) => peerAt(`1.1.${n}.1`)))
  let evicted = 0
  for (let now = 40_000; now < 50_000; now += 10) {
    const room = slots.admit(`3.${now % 250}.${now >> 8}.1`, true, now)
    if (typeof room === 'boolean') continue
    evicted++
    slots.delete(room)
    slots.add(peerAt('5.5.5.5', { readyAt: now }), now)
  }
  t.equal(evicted, 10)
})

t.test('a quota counts an IPv6 network as one address, and loopback sixteen times', async t => {
  const slots = new ConnectionSlots<ReturnType<typeof peerAt>>({ maxPeers: 1000, maxPerAddress: 2 })
  const [first, second] = [peerAt('2001:db8::1'), peerAt('2001:db8::ffff')]
  slots.add(first, 0)
  t.equal(slots.admit('2001:db8::2', false, 0), true)
  slots.add(second, 0)
  t.equal(slots.admit('2001:db8::2', false, 0), false)
  t.equal(slots.admit('2001:db8:0:1::2', false, 0), true)
  slots.delete(first)
  t.equal(slots.admit('2001:db8::2', false, 0), true)
  for (let n = 0; n < 32; n++) {
    t.equal(slots.admit('127.0.0.1', false, 0), true)
    slots.add(peerAt('127.0.0.1'), 0)
  }
  t.equal(slots.admit('127.0.0.1', false, 0), false)
})
