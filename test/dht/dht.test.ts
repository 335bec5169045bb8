import t from 'tap'
import type { Dht } from '../../src/dht/dht.ts'
import { DhtPeers } from '../../src/dht/dht-peers.ts'
import { decodeKrpc, encodeQuery, encodeReply } from '../../src/dht/krpc.ts'
import { idFor, idNear } from '../../src/dht/node-id.ts'
import { decodeState, encodeState } from '../../src/dht/state.ts'
import { DHT_PORT, onNetwork, type SimulatedDht } from '../helpers/simulation/dht.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

const minute = 60_000

onNetwork('thirty nodes find a peer that one of them announced', async (t, net) => {
  await net.grow(30)
  const hash = net.randomBytes(20)
  const seed = net.nodes[7]!
  const peer = { host: net.hosts(7)[0], port: 7_000 }
  const announced = await net.look(seed, hash, { port: 7_000 })
  t.equal(announced.announced, 8, 'eight nodes stored it')
  t.same(announced.peers, [])
  for (const node of [net.nodes[1]!, net.nodes[13]!, net.nodes[29]!]) {
    const { first, peers, took } = await net.look(node, hash)
    t.same(peers, [peer], 'reported once, although eight nodes name it')
    t.ok(first < 500 && took < 1_000, `first after ${first} ms, ended after ${took}`)
  }
  // a node that has just started with an empty table
  const newNode = await net.join().start()
  const { first, peers } = await net.look(newNode, hash)
  t.same(peers, [peer])
  t.ok(first < 1_000, `first after ${first} ms`)
  await net.clock.run({ for: 31 * minute })
  t.same((await net.look(newNode, hash)).peers, [], 'an announce expires')
  t.ok(
    net.nodes.every(node => node.size >= 8),
    'and the nodes have kept each other',
  )
})

onNetwork('an id becomes valid for the address that other nodes see', async (t, net) => {
  await net.grow(12, { state: Buffer.alloc(0) })
  const { state } = net.nodes[11]!
  const { id } = decodeState(state!)[4]!
  const [host] = net.hosts(11)
  t.same(idFor(host, id), Buffer.from(id), 'the id changed after the reports of five networks')
})

onNetwork(
  'lookups among 200 nodes end near the target despite loss, churn and silent nodes',
  async (t, net) => {
    await net.grow(200)
    const hash = net.randomBytes(20)
    const peer = { host: net.hosts(150)[0], port: 7_000 }
    const { announced, answered } = await net.look(net.nodes[150]!, hash, { port: 7_000 })
    t.ok(announced >= 8 && answered < 60, `${announced} took the announce of ${answered} that answered`)
    const found = async (what: string, node: Dht, within: number) => {
      const { first, peers, asked } = await net.look(node, hash)
      t.same(peers, [peer], what)
      t.ok(first < within && asked <= 80, `${what}: after ${first} ms, ${asked} asked`)
    }
    await found('a node among many', net.nodes[3]!, 600)
    net.udp.loss = 0.2
    await found('a fifth of all datagrams lost', net.nodes[77]!, 2_500)
    net.udp.loss = 0
    // a third of the nodes leaves without notice
    for (let index = 20; index < 140; index++)
      if (index % 2 === 0) net.udp.at(net.hosts(index)[0]).unplugged = true
    await found('a third of all nodes gone', net.nodes[199]!, 2_500)
    await found('and once more, with that known', net.nodes[199]!, 2_500)
  },
)

onNetwork('a lookup does not wait for slow nodes while others reply', async (t, net) => {
  await net.grow(40)
  const hash = net.randomBytes(20)
  for (let index = 10; index < 20; index++) net.udp.at(net.hosts(index)[0]).unplugged = true
  const { took, answered } = await net.look(net.nodes[30]!, hash)
  t.ok(answered >= 8)
  t.ok(took < 2_500, `${took} ms, half of what one of them alone may take`)
})

onNetwork('a node in the IPv4 and the IPv6 DHT finds and announces in both', async (t, net) => {
  // Only these two know each other's IPv6 address.
  await net.grow(1, {}, 2)
  await net.grow(1, { bootstrap: net.hosts(0).map(host => ({ host, port: DHT_PORT })) }, 2)
  await net.grow(12, {}, 2)
  const hash = net.randomBytes(20)
  await net.look(net.nodes[4]!, hash, { port: 7_000 })
  const { peers } = await net.look(net.nodes[9]!, hash)
  const hosts = net.hosts(4)
  t.same(peers.map(({ host }) => host).sort(), [...hosts].sort())
  t.equal(net.nodes[9]!.port(6), DHT_PORT)
  t.ok(
    decodeState(net.nodes[9]!.state!)[6]!.contacts.length >= 8,
    'each node names nodes of the other family: all began at IPv4',
  )
})

onNetwork(
  'a saved state is enough to start, with half of its nodes gone and no bootstrap node',
  async (t, net) => {
    await net.grow(30)
    const hash = net.randomBytes(20)
    await net.look(net.nodes[2]!, hash, { port: 7_000 })
    const state = net.nodes[20]!.state!
    for (let index = 0; index < 30; index += 2)
      if (index !== 2) net.udp.at(net.hosts(index)[0]).unplugged = true
    const restarted = await net.join({ state, bootstrap: [] }).start()
    const { first, peers } = await net.look(restarted, hash)
    t.equal(peers.length, 1)
    t.ok(first < 2_500, `first after ${first} ms`)
  },
)

onNetwork('a forged state delays the start but has no other effect', async (t, net) => {
  await net.grow(20)
  const hash = net.randomBytes(20)
  await net.look(net.nodes[2]!, hash, { port: 7_000 })
  const contacts = Array.from({ length: 300 }, (_, index) => ({
    id: idNear(hash, 100, net.randomBytes(20)),
    host: `99.1.${index >> 4}.${index & 15}`,
    port: 9,
  }))
  const restarted = await net
    .join({ state: encodeState({ 4: { id: net.randomBytes(20), contacts } }) })
    .start()
  t.equal((await net.look(restarted, hash)).peers.length, 1)
})

onNetwork('a read-only node finds peers, sends no replies and is in no routing table', async (t, net) => {
  await net.grow(12)
  const hash = net.randomBytes(20)
  await net.look(net.nodes[2]!, hash, { port: 7_000 })
  const reader = await net.join({ readOnly: true }).start()
  t.equal(reader.readOnly, true)
  const [host] = net.hosts(12)
  let answers = 0
  net.udp.tap = ({ address }, _, bytes) => {
    if (address === host && decodeKrpc(bytes)?.type !== 'query') answers++
  }
  t.equal((await net.look(reader, hash)).peers.length, 1)
  net.udp.inject({ address: net.hosts(1)[0], port: DHT_PORT }, { address: host, port: DHT_PORT }, ping(net))
  await net.clock.run({ for: minute })
  t.equal(answers, 0)
  for (const node of net.nodes.slice(0, 12)) {
    t.notOk(decodeState(node.state!)[4]!.contacts.some(contact => contact.host === host))
  }
})

/** Sends a query from an unknown address. */
function ping(net: SimulatedDht, readOnly = false): Buffer {
  return encodeQuery({
    transaction: Buffer.from('zz'),
    id: net.randomBytes(20),
    readOnly,
    call: { method: 'ping' },
  })
}

onNetwork('replies from another address, forged replies and late replies have no effect', async (t, net) => {
  await net.grow(12)
  const hash = net.randomBytes(20)
  const [own] = net.hosts(12)
  const victim = await net.join().start()
  const hostileAddress = { host: '66.6.6.6', port: 666 }
  const seen: { bytes: Buffer; from: { address: string; port: number } }[] = []
  net.udp.tap = (from, to, bytes) => {
    const message = decodeKrpc(bytes)
    if (from.address === own && message?.type === 'query') {
      // the valid transaction from another port, and the valid address with another transaction
      const lie = {
        id: idNear(hash, 50, net.randomBytes(20)),
        nodes: { 4: [] },
        values: [hostileAddress],
        token: hash,
      }
      const answer = (transaction: Uint8Array) => encodeReply({ ...lie, transaction })
      net.udp.inject({ ...to, port: to.port + 1 }, from, answer(message.transaction))
      net.udp.inject({ ...to, address: hostileAddress.host }, from, answer(message.transaction))
      net.udp.inject(to, from, answer(Buffer.from('nope')))
    } else if (to.address === own) seen.push({ from, bytes })
  }
  const { peers, answered } = await net.look(victim, hash)
  t.same(peers, [])
  t.ok(answered >= 8)
  await net.clock.run({ for: 10_000 })
  const before = victim.state
  for (const { from, bytes } of seen) net.udp.inject(from, { address: own, port: DHT_PORT }, bytes)
  await net.clock.run({ for: 1_000 })
  t.same(victim.state, before, 'replayed replies have no effect')
})

onNetwork('a lookup succeeds despite nodes that send forged replies', async (t, net) => {
  await net.grow(40)
  const hash = net.randomBytes(20)
  await net.look(net.nodes[30]!, hash, { port: 7_000 })
  // Each of ten hostile nodes replies with itself, with garbage, with dead nodes near the target, or with our network.
  const liars = new Set(Array.from({ length: 10 }, (_, index) => net.hosts(index + 1)[0]))
  for (const host of liars) net.udp.at(host).unplugged = true
  let lies = 0
  net.udp.tap = (from, to, bytes) => {
    const message = decodeKrpc(bytes)
    if (!liars.has(to.address) || message?.type !== 'query') return
    const kind = lies++ % 4
    const dead = Array.from({ length: 16 }, (_, index) => ({
      id: idNear(hash, 60 + index, net.randomBytes(20)),
      host: kind === 0 ? to.address : kind === 1 ? `88.${lies & 255}.${index}.1` : `127.0.0.${index + 1}`,
      port: kind === 0 ? to.port + index : 1,
    }))
    const reply = { transaction: message.transaction, id: idFor(to.address, net.randomBytes(20)), values: [] }
    const answer = encodeReply({ ...reply, nodes: { 4: dead } })
    net.udp.inject(to, from, kind === 3 ? Buffer.from('d1:rle1:t2:aa1:y1:re') : answer)
  }
  const strange: string[] = []
  const newNode = await net.join().start()
  const [own] = net.hosts(40)
  const tap = net.udp.tap
  net.udp.tap = (from, to, bytes) => {
    tap(from, to, bytes)
    if (from.address === own && to.address.startsWith('127.')) strange.push(to.address)
  }
  const { first, peers, asked } = await net.look(newNode, hash)
  t.equal(peers.length, 1)
  t.ok(first < 4_000 && asked <= 160, `first after ${first} ms, ${asked} asked`)
  t.same(strange, [], 'no remote node makes us send to our own machine')
})

onNetwork('a flood from one address gets few replies and does not affect other addresses', async (t, net) => {
  await net.grow(4)
  const target = { address: net.hosts(0)[0], port: DHT_PORT }
  const from = { address: '66.6.6.6', port: 666 }
  net.udp.machine(from.address)
  let answers = 0
  net.udp.tap = (_, to, bytes) => {
    if (to.address === from.address && decodeKrpc(bytes)?.type === 'reply') answers++
  }
  for (let index = 0; index < 2_000; index++) net.udp.inject(from, target, ping(net))
  await net.clock.run({ for: 50 })
  t.ok(answers >= 50 && answers <= 51, `${answers}`)
  t.equal((await net.look(net.nodes[3]!, net.randomBytes(20))).answered, 3)
})

onNetwork('garbage gets no reply, and an invalid query gets an error message', async (t, net) => {
  await net.grow(2)
  const from = { address: '66.6.6.6', port: 666 }
  net.udp.machine(from.address)
  const replies: unknown[] = []
  net.udp.tap = (_, to, bytes) => {
    if (to.address === from.address) replies.push(decodeKrpc(bytes))
  }
  const send = async (bytes: Uint8Array) => {
    net.udp.inject(from, { address: net.hosts(0)[0], port: DHT_PORT }, bytes)
    await net.clock.run({ for: 10 })
  }
  await send(Buffer.from('hello'))
  await send(Buffer.alloc(5_000, 'd'))
  t.same(replies, [])
  await send(Buffer.from('d1:ad2:id20:abcdefghij0123456789e1:q4:vote1:t2:aa1:y1:qe'))
  t.match(replies, [{ type: 'refusal', code: 204 }])
  const call = { method: 'announce_peer' as const, infoHash: Buffer.alloc(20), port: 1, impliedPort: false }
  const announce = { ...call, token: Buffer.alloc(8) }
  await send(
    encodeQuery({ transaction: Buffer.from('ab'), id: Buffer.alloc(20, 1), readOnly: true, call: announce }),
  )
  t.match(replies[1], { type: 'refusal', code: 203, message: 'bad token' })
})

onNetwork(
  'a lookup without nodes ends at once, and a bootstrap name is used when it resolves',
  async (t, net) => {
    await net.join().start()
    const alone = await net.join({ bootstrap: [] }).start()
    t.match(await net.look(alone, net.randomBytes(20)), { asked: 0, answered: 0, peers: [] })
    const warnings: string[] = []
    const resolve = async (name: string) => {
      if (name !== 'router.example') throw new Error('no such name')
      return ['not an address', net.hosts(0)[0]]
    }
    const bootstrap = ['unknown.example', 'router.example'].map(host => ({ host, port: DHT_PORT }))
    const named = net.join({ bootstrap, resolve }).on('warning', ({ message }) => warnings.push(message))
    await named.start()
    t.match(await net.look(named, net.randomBytes(20)), { asked: 1, answered: 1 })
    t.same(warnings, ['DHT node unknown.example:6881: no such name'])
    t.equal(named.size, 0, 'bootstrap nodes are queried but not added to the table')
    named.add({ host: 'router.example', port: DHT_PORT })
    named.add({ host: net.hosts(1)[0], port: DHT_PORT })
    named.add({ host: net.hosts(1)[0], port: 0 })
    await net.clock.run({ for: 1_000 })
    t.equal(named.size, 1, 'a named node that replies is added to the table')
  },
)

onNetwork(
  'a port in use is replaced by a free one, and no available port gives a warning',
  async (t, net) => {
    const first = await net.join({ port: 6_000 }, 2).start()
    t.same([first.port(4), first.port(6)], [6_000, 6_000])
    const sharing = net.join({ port: 6_000, createSocket: net.udp.machine(net.hosts(0)[0]) })
    await sharing.start()
    t.ok(sharing.port() !== 6_000 && sharing.port()! > 0)
    const warnings: string[] = []
    const none = net.join({ bind: '::1', createSocket: net.udp.machine('20.9.9.9') })
    none.on('warning', ({ code, message }) => warnings.push(`${code} ${message}`))
    await none.start()
    t.match(warnings, [/^ERR_DHT the DHT cannot start: cannot open UDP port/])
    t.match(await net.look(none, net.randomBytes(20)), { asked: 0 })
    await none.close()
  },
)

onNetwork('a torrent is looked up and announced repeatedly', async (t, net) => {
  await net.grow(12)
  const hash = net.randomBytes(20)
  const { clock, random } = net
  const watch = (node: Dht, port?: number) => {
    const foundPeers: string[] = []
    const source = new DhtPeers({
      dht: node,
      torrent: { infoHash: hash },
      port: () => port,
      clock,
      random,
    })
    source.on('peers', (peers, name) =>
      foundPeers.push(...peers.map(({ host, port }) => `${name} ${host}:${port}`)),
    )
    source.start()
    source.start()
    return { foundPeers, source }
  }
  const early = watch(net.nodes[5]!)
  t.same(early.source.status, { isAsking: true, nodes: 0, peers: 0 })
  await clock.run({ for: 10_000 })
  t.same(early.foundPeers, [])
  const seed = watch(net.nodes[8]!, 7_000)
  await clock.run({ until: () => early.foundPeers.length > 0, for: 20_000 })
  t.same(early.foundPeers, [`DHT ${net.hosts(8)[0]}:7000`], 'an earlier peer finds a later one')
  await clock.run({ until: () => early.source.status?.isAsking === false, for: 20_000 })
  t.match(early.source.status, { isAsking: false, peers: 1 }, 'it says what the last lookup found')
  const { nextIn, nodes, sinceLookup } = early.source.status!
  t.ok(nodes >= 8 && sinceLookup! >= 0 && nextIn! > 50_000)
  await clock.run({ for: 35 * minute })
  t.ok(
    early.foundPeers.length >= 8,
    `foundPeers of ${early.foundPeers.length} times: it is announced again and again`,
  )
  early.source.stop()
  seed.source.stop()
  t.equal(early.source.status, undefined)
  const { length } = early.foundPeers
  await clock.run({ for: 31 * minute })
  t.equal(early.foundPeers.length, length, 'no events after stop')
  t.same((await net.look(net.nodes[2]!, hash)).peers, [], 'the announce expires after stop')
  t.ok(
    net.nodes.every(node => node.size >= 8),
    'and the nodes have kept each other',
  )
  seed.source.start()
  seed.source.stop()
  seed.source.stop()
})

t.test('a private torrent is neither looked up nor announced', async t => {
  const clock = new VirtualClock()
  const lookup = () => t.fail('the DHT was asked') as never
  const options = { torrent: { infoHash: Buffer.alloc(20), private: true }, port: () => 1, random: () => 0 }
  const source = new DhtPeers({ ...options, dht: { lookup }, clock })
  source.start()
  t.equal(clock.pending, 0)
  source.stop()
})

onNetwork('close during lookups ends all of them and leaves no sockets or timers', async (t, net) => {
  await net.grow(10)
  const node = await net.join().start()
  const lookups = Array.from({ length: 20 }, () => node.lookup(net.randomBytes(20), { found: () => {} }))
  await net.clock.run({ for: 30 })
  const control = new AbortController()
  const aborted = net.nodes[3]!.lookup(net.randomBytes(20), { found: () => {}, signal: control.signal })
  const unbegun = net.join()
  await unbegun.close()
  control.abort()
  await Promise.all([node.close(), node.close()])
  const results = await Promise.all([aborted, ...lookups])
  t.equal(results.length, 21)
  t.equal((await node.lookup(net.randomBytes(20), { found: () => {} })).asked, 0)
})
