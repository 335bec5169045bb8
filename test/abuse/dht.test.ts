/** Attacks on a node of the DHT, each beside an honest node that does the same without being attacked. */
import t from 'tap'
import type { Dht } from '../../src/dht/dht.ts'
import { type DhtReply, decodeKrpc, encodeQuery, encodeReply, type KrpcMessage } from '../../src/dht/krpc.ts'
import { idFor, idNear } from '../../src/dht/node-id.ts'
import { PeerStore } from '../../src/dht/peer-store.ts'
import { decodeState } from '../../src/dht/state.ts'
import { DHT_PORT, onNetwork, type SimulatedDht } from '../helpers/simulation/dht.ts'

const seconds = 1000

/** A machine that sends arbitrary datagrams, and records the replies. */
class Stranger {
  readonly host: string
  readonly replies: { readonly message: KrpcMessage | undefined; readonly bytes: Buffer }[] = []
  readonly #net: SimulatedDht

  constructor(net: SimulatedDht, host: string) {
    this.#net = net
    this.host = host
    net.udp.machine(host)
    const tap = net.udp.tap
    net.udp.tap = (from, to, bytes) => {
      tap?.(from, to, bytes)
      if (to.address === host) this.replies.push({ message: decodeKrpc(bytes), bytes })
    }
  }

  send(index: number, bytes: Uint8Array, port = 666): void {
    const to = { address: this.#net.hosts(index)[0], port: DHT_PORT }
    this.#net.udp.inject({ address: this.host, port }, to, bytes)
  }

  /** Returns the token that a node gives this machine. */
  async tokenOf(index: number, infoHash: Uint8Array): Promise<Uint8Array> {
    const call = { method: 'get_peers', infoHash } as const
    this.send(index, encodeQuery({ transaction: Buffer.from('gp'), id: this.id(), readOnly: true, call }))
    await this.#net.clock.run({ for: 200 })
    return (this.replies.at(-1)!.message as DhtReply).token!
  }

  async announce(index: number, infoHash: Uint8Array, token: Uint8Array, port = 7000): Promise<string> {
    const call = { method: 'announce_peer', infoHash, port, impliedPort: false, token } as const
    this.send(index, encodeQuery({ transaction: Buffer.from('an'), id: this.id(), readOnly: true, call }))
    await this.#net.clock.run({ for: 200 })
    return this.replies.at(-1)?.message?.type ?? 'nothing'
  }

  id(): Buffer {
    return idFor(this.host, this.#net.randomBytes(20))
  }
}

/** Returns the peers of a torrent that a lookup of this node finds. */
async function peersOf(net: SimulatedDht, node: Dht, hash: Uint8Array): Promise<string[]> {
  const { peers } = await net.look(node, hash)
  return peers.map(({ host }) => host).sort()
}

onNetwork('a token is valid only for the address and the torrent that it was given to', async (t, net) => {
  await net.grow(4)
  const [hash, otherHash] = [net.randomBytes(20), net.randomBytes(20)]
  const honest = new Stranger(net, '55.1.1.1')
  const liar = new Stranger(net, '66.6.6.6')
  const token = await honest.tokenOf(1, hash)
  t.equal(await honest.announce(1, hash, token), 'reply', 'the honest one')
  const own = await liar.tokenOf(1, otherHash)
  const forged: [string, Uint8Array][] = [
    ['none', Buffer.alloc(0)],
    ['a guess', net.randomBytes(8)],
    ['zeros', Buffer.alloc(8)],
    ['that of another address', token],
    ['its own of another torrent', own],
    ['its own of another node', await liar.tokenOf(2, hash)],
    ['a longer one', Buffer.concat([await liar.tokenOf(1, hash), Buffer.alloc(1)])],
    ['a shorter one', (await liar.tokenOf(1, hash)).subarray(0, 7)],
  ]
  for (const [what, token] of forged) t.equal(await liar.announce(1, hash, token), 'refusal', what)
  const old = await liar.tokenOf(1, hash)
  await net.clock.run({ for: 11 * 60 * seconds })
  t.equal(await liar.announce(1, hash, old), 'refusal', 'one of ten minutes ago')
  t.equal(await liar.announce(1, hash, await liar.tokenOf(1, hash)), 'reply', 'one that was given to it')
})

onNetwork('what answers nonsense is no longer than the nonsense', async (t, net) => {
  await net.grow(2)
  const liar = new Stranger(net, '66.6.6.6')
  const id = '2:id20:abcdefghij0123456789'
  const nonsense = [
    'd1:t1:a1:y1:qe',
    'd1:q4:ping1:t1:a1:y1:qe',
    'd1:q1:x1:t32:abcdefghijklmnopqrstuvwxyz0123451:y1:qe',
    'd1:ade1:q4:ping1:t2:aa1:y1:qe',
    `d1:ad${id}e1:q4:vote1:t2:aa1:y1:qe`,
    `d1:ad${id}e1:q9:find_node1:t2:aa1:y1:qe`,
    `d1:ad${id}e1:q9:get_peers1:t2:aa1:y1:qe`,
    `d1:ad${id}e1:q13:announce_peer1:t2:aa1:y1:qe`,
    `d1:ad${id}9:info_hash20:abcdefghij01234567896:porti1ee1:q13:announce_peer1:t2:aa1:y1:qe`,
    `d1:ad${id}9:info_hash20:abcdefghij01234567894:porti1e5:token1:xe1:q13:announce_peer1:t2:aa1:y1:qe`,
  ]
  let answered = 0
  for (const [at, query] of nonsense.entries()) {
    const before = liar.replies.length
    liar.send(0, Buffer.from(query), 1000 + at)
    await net.clock.run({ for: 200 })
    for (const { message, bytes } of liar.replies.slice(before)) {
      if (message?.type === 'query') continue // it asks whether the sender is a node
      answered++
      t.equal(message?.type, 'refusal')
      t.ok(bytes.length <= query.length, `${query}: ${bytes.length} bytes for ${query.length}`)
    }
  }
  t.ok(answered >= 5, 'what is long enough is answered')
})

onNetwork('one address cannot take the room of all others', async (t, net) => {
  await net.grow(2)
  const hash = net.randomBytes(20)
  const honest = new Stranger(net, '55.1.1.1')
  await honest.announce(1, hash, await honest.tokenOf(1, hash))
  t.same(await peersOf(net, net.nodes[0]!, hash), [honest.host])
  const liar = new Stranger(net, '66.6.6.6')
  for (let torrent = 0; torrent < 300; torrent++) {
    const other = net.randomBytes(20)
    await liar.announce(1, other, await liar.tokenOf(1, other))
  }
  t.same(await peersOf(net, net.nodes[0]!, hash), [honest.host], 'it is still there')
})

t.test(
  'an address, or a /64 of IPv6, stores at most a hundred peers, and displaces none of others',
  async t => {
    const store = new PeerStore()
    const hash = (n: number) => Buffer.alloc(20, `${n} `)
    for (let n = 0; n < 1000; n++) store.add(hash(n), { host: `20.1.${n >> 8}.${n & 255}`, port: 1 }, n)
    for (let n = 0; n < 5000; n++) store.add(hash(n), { host: '66.6.6.6', port: 1 + n }, 1000)
    for (let n = 0; n < 5000; n++) store.add(hash(n), { host: `2600::${n.toString(16)}`, port: 1 }, 1000)
    t.equal(store.size, 1200)
    for (let n = 0; n < 1000; n++) {
      const found = store.sample(hash(n), 50, 1000, () => 0).map(({ host }) => host)
      if (!found.includes(`20.1.${n >> 8}.${n & 255}`)) t.fail(`the honest peer of torrent ${n} is gone`)
    }
    t.equal(store.sample(hash(4999), 50, 1000, () => 0).length, 2, 'the latest are kept')
    store.sweep(1000 + 31 * 60 * seconds)
    t.equal(store.size, 0)
  },
)

onNetwork('an answer counts only from the queried address and port, with its transaction', async (t, net) => {
  await net.grow(12)
  const hash = net.randomBytes(20)
  const honest = await net.look(net.nodes[3]!, hash)
  const victim = await net.join().start()
  const [own] = net.hosts(12)
  const attackerAddress = { host: '66.6.6.6', port: 666 }
  net.udp.tap = (from, to, bytes) => {
    const query = decodeKrpc(bytes)
    if (from.address !== own || query?.type !== 'query') return
    const lie = {
      id: idNear(hash, 50, net.randomBytes(20)),
      nodes: { 4: [] },
      values: [attackerAddress],
      token: hash,
    }
    const answer = (transaction: Uint8Array) => encodeReply({ ...lie, transaction })
    net.udp.inject({ ...to, port: to.port + 1 }, from, answer(query.transaction))
    net.udp.inject({ ...to, address: attackerAddress.host }, from, answer(query.transaction))
    net.udp.inject(to, from, answer(Buffer.from('nope')))
  }
  const attacked = await net.look(victim, hash)
  t.same(attacked.peers, [])
  t.ok(
    attacked.answered >= 0.8 * honest.answered,
    `${attacked.answered} answered, ${honest.answered} without the attack`,
  )
  const { contacts } = decodeState(victim.state!)[4]!
  t.notOk(contacts.some(({ host }) => host === attackerAddress.host))
})

onNetwork('ids that do not fit their addresses gain nothing near a torrent (BEP 42)', async (t, net) => {
  await net.grow(30)
  const hash = net.randomBytes(20)
  await net.look(net.nodes[7]!, hash, { port: 7000 })
  const honest = await net.look(net.nodes[20]!, hash)
  // A hundred machines with ids right at the torrent, which their addresses may not have: they name each other, no peers.
  const spoofed = Array.from({ length: 100 }, (_, at) => ({
    host: `77.${at}.1.1`,
    port: 666,
    id: idNear(hash, 120 + (at % 30), net.randomBytes(20)),
  }))
  const byHost = new Map(spoofed.map(node => [node.host, node]))
  for (const { host } of spoofed) net.udp.machine(host)
  net.udp.tap = (from, to, bytes) => {
    const node = byHost.get(to.address)
    const query = decodeKrpc(bytes)
    if (!node || query?.type !== 'query') return
    const reply = { transaction: query.transaction, id: node.id, values: [], token: Buffer.alloc(4) }
    net.udp.inject(to, from, encodeReply({ ...reply, nodes: { 4: spoofed.slice(0, 16) } }))
  }
  for (const { host, id } of spoofed) {
    for (let index = 0; index < 30; index++) {
      const ping = encodeQuery({
        transaction: Buffer.from('pi'),
        id,
        readOnly: false,
        call: { method: 'ping' },
      })
      net.udp.inject({ address: host, port: 666 }, { address: net.hosts(index)[0], port: DHT_PORT }, ping)
    }
  }
  await net.clock.run({ for: 60 * seconds })
  const attacked = await net.look(net.nodes[20]!, hash)
  t.same(attacked.peers, honest.peers, 'the peer is found all the same')
  t.ok(
    attacked.first < 10 * Math.max(500, honest.first),
    `after ${attacked.first} ms, ${honest.first} without them`,
  )
  const announced = await net.look(net.nodes[21]!, hash, { port: 7001 })
  t.ok(announced.announced >= 8, 'and an announce reaches nodes that fit')
  t.same((await peersOf(net, net.nodes[25]!, hash)).length, 2)
})

onNetwork(
  'nodes that flood are answered in part, and an honest node as if they were absent',
  async (t, net) => {
    await net.grow(12)
    const hash = net.randomBytes(20)
    const honest = await net.look(net.nodes[5]!, hash)
    const liar = new Stranger(net, '66.6.6.6')
    const ping = () =>
      encodeQuery({
        transaction: Buffer.from('pi'),
        id: liar.id(),
        readOnly: false,
        call: { method: 'ping' },
      })
    for (let index = 0; index < 12; index++) for (let n = 0; n < 500; n++) liar.send(index, ping(), 1000 + n)
    const attacked = await net.look(net.nodes[5]!, hash)
    t.ok(attacked.answered >= 0.8 * honest.answered, `${attacked.answered} of ${honest.answered} answered`)
    t.ok(attacked.took <= 1.5 * honest.took + 200, `${attacked.took} ms, ${honest.took} without the flood`)
    const replies = liar.replies.filter(({ message }) => message?.type === 'reply').length
    t.ok(replies <= 12 * 60, `${replies} answers to 6,000 queries`)
    const places = net.nodes.map(node =>
      decodeState(node.state!)[4]!.contacts.filter(({ host }) => host === liar.host),
    )
    t.ok(
      places.every(contacts => contacts.length <= 1),
      'one address has one place in a table at most',
    )
  },
)
