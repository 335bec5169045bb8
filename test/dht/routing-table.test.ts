import t from 'tap'
import type { Contact } from '../../src/dht/contact.ts'
import { commonBits, compareDistance, idFor, idNear } from '../../src/dht/node-id.ts'
import { RoutingTable } from '../../src/dht/routing-table.ts'
import { generator } from '../helpers/feed.ts'
import { RANDOM_SEED } from '../helpers/random-seed.ts'

const random = generator(RANDOM_SEED)
const chance = (size = 20) => Buffer.from(Array.from({ length: size }, () => random() * 256))
const own = chance()
const minute = 60_000

/** A node at a global address in its own network. The default id is valid by BEP 42. */
let hosts = 0
function node(id?: Uint8Array): Contact {
  hosts++
  const host = `30.${hosts >> 8}.${hosts & 255}.1`
  return { id: id ?? idFor(host, chance()), host, port: 6881 }
}

/** A node on a local network, where every id is valid. It shares `bits` bits with our id. */
function near(bits: number): Contact {
  hosts++
  return { id: idNear(own, bits, chance()), host: `10.0.${hosts >> 8}.${hosts & 255}`, port: 6881 }
}

const names = (nodes: readonly Contact[]) => nodes.map(({ host }) => host)

t.test('the table keeps many near nodes and eight of the far ones', async t => {
  const table = new RoutingTable(own)
  const far = Array.from({ length: 20 }, () => near(0))
  for (const contact of far) table.replied(contact, 0)
  t.equal(table.size, 8, 'the first nodes stay')
  t.same(names(table.nodes), names(far.slice(0, 8)))
  for (let bits = 1; bits < 30; bits++) for (let i = 0; i < 12; i++) table.replied(near(bits), 0)
  t.equal(table.nodes.filter(({ id }) => commonBits(own, id) === 5).length, 8)
  t.ok(table.nodes.length <= 31 * 8)
})

t.test('the size of the table is limited', async t => {
  const table = new RoutingTable(own)
  for (let bits = 0; bits <= 160; bits++) for (let i = 0; i < 9; i++) table.replied(near(bits), 0)
  t.ok(table.nodes.length <= 160 * 8, `${table.nodes.length}`)
  t.notOk(
    table.nodes.some(({ id }) => Buffer.compare(id, own) === 0),
    'ourselves are not in it',
  )
})

t.test('closest returns the nearest nodes', async t => {
  const table = new RoutingTable(own)
  for (let i = 0; i < 300; i++) table.replied(near(Math.floor(random() * 12)), 0)
  for (let i = 0; i < 50; i++) {
    const target = random() < 0.5 ? chance() : idNear(own, Math.floor(random() * 20), chance())
    const all = table.nodes.sort((a, b) => compareDistance(target, a.id, b.id))
    t.same(names(table.closest(target, 8, 0)), names(all.slice(0, 8)), `SEED=${RANDOM_SEED}`)
  }
})

t.test('only nodes that replied in this run and were active recently are sent to other nodes', async t => {
  const table = new RoutingTable(own)
  const [known, old] = [near(0), near(0)]
  table.replied(known, 0)
  table.remember(old)
  t.equal(table.size, 1)
  t.same(names(table.closest(own, 8, 0)), names([known]))
  t.same(names(table.candidates(own, 8)).sort(), names([known, old]).sort(), 'we query both')
  t.same(table.closest(own, 8, 15 * minute), [], 'questionable after 15 minutes')
  table.queried(known, 14 * minute)
  t.same(names(table.closest(own, 8, 15 * minute)), names([known]), 'a query from it counts as activity')
  table.queried(old, 14 * minute)
  t.same(
    names(table.closest(own, 8, 15 * minute)),
    names([known]),
    'a query proves nothing about a node that never replied',
  )
})

t.test('a node is replaced after two failures, and removed after five without a candidate', async t => {
  const table = new RoutingTable(own)
  const nodes = Array.from({ length: 9 }, () => near(0))
  for (const contact of nodes) table.replied(contact, 0)
  for (let i = 0; i < 8; i++) table.replied(near(1), 0) // fills the first bucket permanently
  const [first, second] = nodes
  table.failed(first!, 1)
  t.ok(names(table.nodes).includes(first!.host), 'one failure is tolerated')
  table.failed(first!, 2)
  t.notOk(names(table.nodes).includes(first!.host))
  t.ok(names(table.nodes).includes(nodes[8]!.host), 'the ninth node replaced it')
  for (let i = 0; i < 4; i++) table.failed(second!, 3)
  t.notOk(names(table.closest(own, 20, 4)).includes(second!.host), 'it is not sent to other nodes')
  t.ok(names(table.nodes).includes(second!.host))
  table.replied(second!, 5)
  t.ok(names(table.closest(own, 20, 6)).includes(second!.host), 'until it answers again')
  for (let i = 0; i < 5; i++) table.failed(second!, 7)
  t.notOk(names(table.nodes).includes(second!.host))
  table.failed({ host: '9.9.9.9', port: 1 }, 0) // an unknown address
})

t.test('a node of an earlier run is removed after two failures', async t => {
  const table = new RoutingTable(own)
  const old = near(0)
  table.remember(old)
  table.failed(old, 0)
  t.equal(table.nodes.length, 1)
  table.failed(old, 0)
  t.equal(table.nodes.length, 0)
})

t.test('an address has one id, an id one address, and a network one node', async t => {
  const table = new RoutingTable(own)
  const contact = node()
  table.replied(contact, 0)
  const again = { ...contact, id: idFor(contact.host, chance()) }
  t.ok(table.wants(again), 'a ping is useful to learn its new id')
  table.replied(again, 1)
  t.same(
    table.nodes.map(({ id }) => Buffer.from(id)),
    [again.id],
    'the known node has this id',
  )
  table.replied({ ...again, port: 7000, id: idFor(again.host, chance()) }, 2)
  t.equal(table.nodes.length, 1, 'another port of the host is not added')
  const neighbour = contact.host.replace(/1$/, '2')
  t.notOk(table.wants({ id: idFor(neighbour, chance()), host: neighbour, port: 6881 }), 'its neighbour')
  table.replied({ ...node(), id: again.id }, 3)
  t.same(names(table.nodes), [contact.host], 'another address cannot take over its id')
  table.failed(again, 4)
  table.failed(again, 5)
  const renamed = { ...node(), id: again.id }
  table.replied(renamed, 6)
  t.same(names(table.nodes), [renamed.host], 'the id is free after failures')
})

t.test('a node with a valid id replaces one with an invalid id', async t => {
  const table = new RoutingTable(own)
  const isFar = (contact: Contact) => commonBits(own, contact.id) === 0
  const fill = (make: () => Contact, count: number) => {
    for (let left = count; left > 0; ) {
      const contact = make()
      if (!isFar(contact)) continue
      table.replied(contact, 0)
      left--
    }
  }
  for (let i = 0; i < 9; i++) table.replied(near(3), 0)
  fill(() => node(chance()), 8)
  t.equal(table.nodes.filter(({ fits }) => !fits).length, 8)
  let proper = node()
  while (!isFar(proper)) proper = node()
  t.ok(table.wants(proper))
  fill(node, 8)
  t.equal(table.nodes.filter(contact => isFar(contact) && contact.fits).length, 8)
  t.notOk(table.wants(proper), 'the bucket has no room')
})

t.test('the table returns the node to ping and the bucket to refresh', async t => {
  const table = new RoutingTable(own)
  const [first, second] = [near(0), near(3)]
  table.replied(first, 0)
  table.replied(second, minute)
  t.equal(table.questionable(10 * minute), undefined)
  t.equal(table.questionable(15 * minute)?.host, first.host)
  t.equal(table.questionable(20 * minute)?.host, first.host, 'the least recently active node')
  table.failed(first, 20 * minute)
  t.equal(table.questionable(20 * minute)?.host, second.host, 'not the same node again at once')
  table.replied(second, 20 * minute)
  t.equal(table.questionable(21 * minute)?.host, first.host)
  const walk = table.stale(21 * minute, chance)
  t.same(walk, own, 'a new table first walks to its own id')
  t.equal(table.stale(22 * minute, chance), undefined)
  t.same(table.stale(37 * minute, chance), own)
})

t.test('the table detects buckets with few nodes and fills them first', async t => {
  const table = new RoutingTable(own)
  t.ok(table.isThinAt(own))
  for (let i = 0; i < 9; i++) table.replied(near(2), 0)
  for (let i = 0; i < 8; i++) table.replied(near(3), 0)
  const far = (bits: number) => idNear(own, bits, chance())
  t.same(
    [far(0), far(1), far(2), far(9)].map(id => table.isThinAt(id)),
    [true, true, false, false],
  )
  const walks = Array.from({ length: 4 }, () => commonBits(own, table.stale(0, chance) ?? own))
  t.same(walks.slice(0, 2), [0, 1], 'larger parts of the id space first')
  for (let i = 0; i < 3; i++) table.replied(near(0), 0)
  t.ok(table.isThinAt(far(0)))
  table.remember(near(0))
  t.ok(table.isThinAt(far(0)), 'a node that has not replied does not count')
  table.replied(near(0), 0)
  t.notOk(table.isThinAt(far(0)))
})

t.test('the table keeps its nodes for a new own id', async t => {
  const table = new RoutingTable(own)
  for (let i = 0; i < 8; i++) table.replied(near(2), 0)
  table.remember(near(0)) // in the first bucket of both ids
  const other = chance()
  const seen = table.seenFrom(other, 0)
  t.equal(seen.own, other)
  t.equal(seen.size, 8)
  t.equal(seen.nodes.length, 9)
  t.same(names(seen.closest(other, 8, 0)).sort(), names(table.closest(own, 8, 0)).sort())
})
