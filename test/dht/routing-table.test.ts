import t from 'tap'
import type { Contact } from '../../src/dht/contact.ts'
import { commonBits, compareDistance, idFor, idNear } from '../../src/dht/node-id.ts'
import { RoutingTable } from '../../src/dht/routing-table.ts'
import { generator } from '../helpers/feed.ts'

const SEED = Number(process.env.SEED ?? 1)
const random = generator(SEED)
const chance = (size = 20) => Buffer.from(Array.from({ length: size }, () => random() * 256))
const own = chance()
const minute = 60_000

/** A node at a global address in a network of its own, its id as BEP 42 wants it unless it is given. */
let hosts = 0
function node(id?: Uint8Array): Contact {
  hosts++
  const host = `30.${hosts >> 8}.${hosts & 255}.1`
  return { id: id ?? idFor(host, chance()), host, port: 6881 }
}

/** One on a local network, where any id will do: sharing so many bits with ours. */
function near(bits: number): Contact {
  hosts++
  return { id: idNear(own, bits, chance()), host: `10.0.${hosts >> 8}.${hosts & 255}`, port: 6881 }
}

const names = (nodes: readonly Contact[]) => nodes.map(({ host }) => host)

t.test('it keeps many that are near and eight of those that are far', async t => {
  const table = new RoutingTable(own)
  const far = Array.from({ length: 20 }, () => near(0))
  for (const contact of far) table.replied(contact, 0)
  t.equal(table.size, 8, 'who came first stays')
  t.same(names(table.nodes), names(far.slice(0, 8)))
  for (let bits = 1; bits < 30; bits++) for (let i = 0; i < 12; i++) table.replied(near(bits), 0)
  t.equal(table.nodes.filter(({ id }) => commonBits(own, id) === 5).length, 8)
  t.ok(table.nodes.length <= 31 * 8)
})

t.test('it cannot be made to grow without an end', async t => {
  const table = new RoutingTable(own)
  for (let bits = 0; bits <= 160; bits++) for (let i = 0; i < 9; i++) table.replied(near(bits), 0)
  t.ok(table.nodes.length <= 160 * 8, `${table.nodes.length}`)
  t.notOk(
    table.nodes.some(({ id }) => Buffer.compare(id, own) === 0),
    'ourselves are not in it',
  )
})

t.test('the nearest are the nearest', async t => {
  const table = new RoutingTable(own)
  for (let i = 0; i < 300; i++) table.replied(near(Math.floor(random() * 12)), 0)
  for (let i = 0; i < 50; i++) {
    const target = random() < 0.5 ? chance() : idNear(own, Math.floor(random() * 20), chance())
    const all = table.nodes.sort((a, b) => compareDistance(target, a.id, b.id))
    t.same(names(table.closest(target, 8, 0)), names(all.slice(0, 8)), `SEED=${SEED}`)
  }
})

t.test('only who has answered in this run is told to others, and not long after it fell silent', async t => {
  const table = new RoutingTable(own)
  const [known, old] = [near(0), near(0)]
  table.replied(known, 0)
  table.remember(old)
  t.equal(table.size, 1)
  t.same(names(table.closest(own, 8, 0)), names([known]))
  t.same(names(table.candidates(own, 8)).sort(), names([known, old]).sort(), 'we ask both')
  t.same(table.closest(own, 8, 15 * minute), [], 'a quarter of an hour later it may be gone')
  table.queried(known, 14 * minute)
  t.same(names(table.closest(own, 8, 15 * minute)), names([known]), 'unless it asked us something')
  table.queried(old, 14 * minute)
  t.same(
    names(table.closest(own, 8, 15 * minute)),
    names([known]),
    'which proves nothing of who never answered',
  )
})

t.test('who leaves two queries unanswered makes room for whoever waits, and goes after five', async t => {
  const table = new RoutingTable(own)
  const nodes = Array.from({ length: 9 }, () => near(0))
  for (const contact of nodes) table.replied(contact, 0)
  for (let i = 0; i < 8; i++) table.replied(near(1), 0) // so that the first bucket is full for good
  const [first, second] = nodes
  table.failed(first!, 1)
  t.ok(names(table.nodes).includes(first!.host), 'once can happen')
  table.failed(first!, 2)
  t.notOk(names(table.nodes).includes(first!.host))
  t.ok(names(table.nodes).includes(nodes[8]!.host), 'the ninth has its place')
  for (let i = 0; i < 4; i++) table.failed(second!, 3)
  t.notOk(names(table.closest(own, 20, 4)).includes(second!.host), 'nobody is told of it')
  t.ok(names(table.nodes).includes(second!.host))
  table.replied(second!, 5)
  t.ok(names(table.closest(own, 20, 6)).includes(second!.host), 'until it answers again')
  for (let i = 0; i < 5; i++) table.failed(second!, 7)
  t.notOk(names(table.nodes).includes(second!.host))
  table.failed({ host: '9.9.9.9', port: 1 }, 0) // of nobody that we know
})

t.test('a node that we remember goes after two', async t => {
  const table = new RoutingTable(own)
  const old = near(0)
  table.remember(old)
  table.failed(old, 0)
  t.equal(table.nodes.length, 1)
  table.failed(old, 0)
  t.equal(table.nodes.length, 0)
})

t.test('an address has one id, an id one address, a network one place', async t => {
  const table = new RoutingTable(own)
  const contact = node()
  table.replied(contact, 0)
  const again = { ...contact, id: idFor(contact.host, chance()) }
  t.ok(table.wants(again), 'it is worth asking who it is now')
  table.replied(again, 1)
  t.same(
    table.nodes.map(({ id }) => Buffer.from(id)),
    [again.id],
    'it is who it says it is',
  )
  table.replied({ ...again, port: 7000, id: idFor(again.host, chance()) }, 2)
  t.equal(table.nodes.length, 1, 'another port of that host')
  const neighbour = contact.host.replace(/1$/, '2')
  t.notOk(table.wants({ id: idFor(neighbour, chance()), host: neighbour, port: 6881 }), 'its neighbour')
  table.replied({ ...node(), id: again.id }, 3)
  t.same(names(table.nodes), [contact.host], 'nobody takes its id away')
  table.failed(again, 4)
  table.failed(again, 5)
  const heir = { ...node(), id: again.id }
  table.replied(heir, 6)
  t.same(names(table.nodes), [heir.host], 'unless it does not answer')
})

t.test('of two, the one whose id goes with its address has the place', async t => {
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
  t.notOk(table.wants(proper), 'there is no more room')
})

t.test('it says whom to look after, and where nothing has happened', async t => {
  const table = new RoutingTable(own)
  const [first, second] = [near(0), near(3)]
  table.replied(first, 0)
  table.replied(second, minute)
  t.equal(table.questionable(10 * minute), undefined)
  t.equal(table.questionable(15 * minute)?.host, first.host)
  t.equal(table.questionable(20 * minute)?.host, first.host, 'the one longest silent')
  table.failed(first, 20 * minute)
  t.equal(table.questionable(20 * minute)?.host, second.host, 'not the same at once again')
  table.replied(second, 20 * minute)
  t.equal(table.questionable(21 * minute)?.host, first.host)
  const walk = table.stale(21 * minute, chance)
  t.same(walk, own, 'a new table begins near itself')
  t.equal(table.stale(22 * minute, chance), undefined)
  t.same(table.stale(37 * minute, chance), own)
})

t.test('it knows where it knows too few to begin a walk, and looks for more there first', async t => {
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
  t.same(walks.slice(0, 2), [0, 1], 'the larger parts before the smaller')
  for (let i = 0; i < 3; i++) table.replied(near(0), 0)
  t.ok(table.isThinAt(far(0)))
  table.remember(near(0))
  t.ok(table.isThinAt(far(0)), 'who has not answered yet is not counted')
  table.replied(near(0), 0)
  t.notOk(table.isThinAt(far(0)))
})

t.test('seen from another id it is the same nodes', async t => {
  const table = new RoutingTable(own)
  for (let i = 0; i < 8; i++) table.replied(near(2), 0)
  table.remember(near(0)) // on the other side, from wherever one looks
  const other = chance()
  const seen = table.seenFrom(other, 0)
  t.equal(seen.own, other)
  t.equal(seen.size, 8)
  t.equal(seen.nodes.length, 9)
  t.same(names(seen.closest(other, 8, 0)).sort(), names(table.closest(own, 8, 0)).sort())
})
