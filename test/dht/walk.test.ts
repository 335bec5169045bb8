import t from 'tap'
import type { PeerAddress } from '../../src/codec/compact.ts'
import type { Contact } from '../../src/dht/contact.ts'
import { FloodGate } from '../../src/dht/flood-gate.ts'
import { decodeKrpc, encodeRefusal, encodeReply } from '../../src/dht/krpc.ts'
import { fits, idFor, idNear } from '../../src/dht/node-id.ts'
import { type QueryOutcome, Rpc } from '../../src/dht/rpc.ts'
import { type LookupStep, Shortlist } from '../../src/dht/shortlist.ts'
import { generator } from '../helpers/feed.ts'
import { RANDOM_SEED } from '../helpers/random-seed.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

const random = generator(RANDOM_SEED)
const chance = (size = 20) => Buffer.from(Array.from({ length: size }, () => random() * 256))
const target = chance()
let hosts = 0
/** A node on a local network that shares `bits` bits with the target. */
const near = (bits: number): Contact => ({
  id: idNear(target, bits, chance()),
  host: `10.0.0.${++hosts}`,
  port: 1,
})

/** Returns all nodes that can be queried now. */
function ask(list: Shortlist): LookupStep[] {
  const steps: LookupStep[] = []
  for (let step = list.next(); step; step = list.next()) steps.push(step)
  return steps
}

t.test('the nearest nodes are queried first, eight until the first reply, then four more', async t => {
  const list = new Shortlist(target)
  const contacts = Array.from({ length: 12 }, (_, bits) => near(bits))
  for (const contact of contacts) list.add(contact)
  const first = ask(list)
  t.same(
    first.map(({ host }) => host),
    contacts
      .slice(4)
      .reverse()
      .map(({ host }) => host),
  )
  // Seven of the eight may be nodes of an earlier run that are gone: they do not delay the nodes of the first reply.
  list.settle(first[0]!, first[0]!)
  for (let bits = 30; bits < 38; bits++) list.add(near(bits))
  const next = ask(list)
  t.equal(next.length, 4)
  for (const step of first.slice(1)) list.settle(step, step)
  t.same(ask(list), [], 'four queries are pending')
  list.settle(next[0]!, next[0]!)
  t.same(ask(list).length, 1)
  t.notOk(list.done)
})

t.test('a lookup is complete when the eight nearest live nodes have replied', async t => {
  const list = new Shortlist(target)
  for (let bits = 0; bits < 20; bits++) list.add(near(bits))
  const asked = ask(list)
  asked[0]!.state = 'failed'
  asked[1]!.state = 'late'
  for (const step of asked.slice(2)) list.settle(step, { id: step.id, token: chance(8) })
  t.notOk(list.done, 'two of the nearest eight are new')
  for (const step of ask(list)) list.settle(step, step)
  t.ok(list.done, 'the late node is not awaited')
  t.equal(list.holders.length, 6, 'only nodes that gave a token')
})

t.test('late nodes are awaited while few have replied', async t => {
  const list = new Shortlist(target)
  list.add(near(3))
  list.add(near(4))
  const [one, other] = ask(list)
  list.settle(one!, one!)
  other!.state = 'late'
  t.notOk(list.done)
  other!.state = 'failed'
  t.ok(list.done)
})

t.test('nodes with an invalid id are queried but do not count (BEP 42)', async t => {
  const list = new Shortlist(target)
  const liars = Array.from({ length: 20 }, (_, index) => {
    const contact = { id: idNear(target, 60, chance()), host: `30.0.${index}.1`, port: 1 }
    t.notOk(fits(contact.id, contact.host))
    return contact
  })
  const honest = Array.from({ length: 10 }, (_, index) => {
    const host = `31.0.${index}.1`
    return { id: idFor(host, chance()), host, port: 1 }
  })
  for (const contact of [...liars, ...honest]) list.add(contact)
  while (!list.done) for (const step of ask(list)) list.settle(step, { id: step.id, token: chance(8) })
  const { holders } = list
  t.equal(holders.filter(({ fits }) => fits).length, 8, 'eight with a valid id')
  t.equal(holders.filter(({ fits }) => !fits).length, 8, 'at most eight others')
})

t.test('a node with a new id is sorted by the new id', async t => {
  const list = new Shortlist(target)
  list.add(near(40))
  const [step] = ask(list)
  const id = idNear(target, 1, chance())
  list.settle(step!, { id, token: chance(8) })
  t.equal(list.answered, 1)
  t.same(list.holders[0]?.id, id)
})

t.test('an address is queried once, and forged replies cannot prolong a lookup forever', async t => {
  const list = new Shortlist(target)
  const contact = { id: chance(), host: '40.0.0.1', port: 1 }
  list.add(contact)
  list.add({ ...contact, id: chance() })
  list.add({ ...contact, port: 2 })
  const asked = ask(list)
  t.equal(asked.length, 1, 'not again with another id or port')
  const local = new Shortlist(target)
  for (let port = 1; port < 4; port++) local.add({ id: chance(), host: '127.0.0.1', port })
  t.equal(ask(local).length, 3, 'loopback addresses are exempt')
  let named = 0
  for (let round = 0; round < 1_000 && !list.done; round++) {
    for (const step of round === 0 ? asked : ask(list)) {
      step.state = 'failed'
      for (let index = 0; index < 16; index++, named++)
        list.add({ id: idNear(target, 100, chance()), host: `50.${named >> 8}.${named & 255}.1`, port: 1 })
    }
  }
  t.ok(list.done)
  t.ok(list.asked > 60 && list.asked <= 160, `${list.asked} were asked`)
})

/** An Rpc with datagrams that are captured and injected by the test. */
function rpc() {
  const clock = new VirtualClock()
  const sent: { bytes: Buffer; to: PeerAddress }[] = []
  let receive = (_bytes: Buffer, _from: PeerAddress) => {}
  let refuses = false
  const api = new Rpc({
    clock,
    randomBytes: chance,
    gate: new FloodGate(),
    answer: () => undefined,
    datagrams: {
      port: 1,
      send: (bytes, to, failed) => {
        if (refuses) failed?.()
        else sent.push({ bytes: Buffer.from(bytes), to })
      },
      receive: call => {
        receive = call
      },
      close: async () => {},
    },
  })
  const query = (to: PeerAddress) => {
    const asked: { outcome?: QueryOutcome } = {}
    void api.query(to, { method: 'ping' }, { id: chance(), readOnly: false }).then(outcome => {
      asked.outcome = outcome
    })
    return asked
  }
  const answer = (index: number) => {
    const { transaction } = decodeKrpc(sent[index]!.bytes)!
    return encodeReply({ transaction, id: target, nodes: {}, values: [] })
  }
  return { api, clock, sent, query, answer, come: receive, refuse: () => (refuses = true) }
}

t.test(
  'a reply must come from the queried address, with the transaction, once, within five seconds',
  async t => {
    const { api, answer, clock, come, query, sent } = rpc()
    const to = { host: '60.0.0.1', port: 5 }
    const asked = query(to)
    for (const from of [
      { ...to, port: 6 },
      { ...to, host: '60.0.0.2' },
    ])
      come(answer(0), from)
    await clock.advance(4_999)
    t.equal(asked.outcome, undefined)
    come(answer(0), to)
    await clock.advance(0)
    t.match(asked.outcome, { type: 'reply', id: target })
    const slow = query(to)
    await clock.advance(5_000)
    t.equal(slow.outcome, 'silent')
    come(answer(1), to)
    const refused = query(to)
    const { transaction } = decodeKrpc(sent[2]!.bytes)!
    come(encodeRefusal({ transaction, code: 203, message: 'no' }), to)
    await clock.advance(0)
    t.equal(refused.outcome, 'refused')
    t.equal(clock.pending, 0)
    await api.close()
  },
)

t.test('at most 512 queries are pending, and all are settled', async t => {
  const { api, clock, query, sent } = rpc()
  const all = Array.from({ length: 513 }, (_, index) =>
    query({ host: `60.0.${index >> 8}.${index & 255}`, port: 1 }),
  )
  await clock.advance(0)
  t.equal(sent.length, 512)
  t.equal(all[512]!.outcome, 'unsent')
  await api.close()
  await clock.advance(0)
  t.ok(all.every(({ outcome }) => outcome === 'unsent'))
  t.equal(clock.pending, 0)
  const closed = query({ host: '60.0.0.1', port: 1 })
  const other = rpc()
  other.refuse()
  const failed = other.query({ host: '60.0.0.1', port: 1 })
  await clock.advance(0)
  t.same([closed.outcome, failed.outcome], ['unsent', 'unsent'])
  t.equal(other.clock.pending, 0)
})
