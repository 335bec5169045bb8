import t from 'tap'
import { encode } from '../../src/codec/bencode.ts'
import { FloodGate } from '../../src/dht/flood-gate.ts'
import { OwnAddress } from '../../src/dht/own-address.ts'
import { PeerStore } from '../../src/dht/peer-store.ts'
import { Reachability } from '../../src/dht/reachability.ts'
import { decodeState, encodeState, MAX_STATE } from '../../src/dht/state.ts'
import { Tokens } from '../../src/dht/tokens.ts'
import { generator } from '../helpers/feed.ts'

const minute = 60_000
const random = generator(1)
const chance = (size = 20) => Buffer.from(Array.from({ length: size }, () => random() * 256))
const hash = (index: number) => Buffer.from(index.toString(16).padStart(40, '0'), 'hex')
const at = (index: number, port = 6881) => ({
  host: `30.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
  port,
})

t.test('a token is valid for at most ten minutes, for one address and one torrent', async t => {
  const tokens = new Tokens(chance)
  const token = tokens.make('1.2.3.4', hash(1), 0)
  t.ok(tokens.accepts(token, '1.2.3.4', hash(1), minute))
  t.notOk(tokens.accepts(token, '1.2.3.5', hash(1), minute))
  t.notOk(tokens.accepts(token, '1.2.3.4', hash(2), minute))
  t.notOk(tokens.accepts(Buffer.concat([token, token]), '1.2.3.4', hash(1), minute))
  t.notOk(tokens.accepts(Buffer.alloc(0), '1.2.3.4', hash(1), minute))
  t.ok(tokens.accepts(token, '1.2.3.4', hash(1), 9.9 * minute), 'valid after one change of the secret')
  t.notOk(tokens.accepts(token, '1.2.3.4', hash(1), 10 * minute))
})

t.test('a token stays invalid after a long pause', async t => {
  const tokens = new Tokens(chance)
  const token = tokens.make('1.2.3.4', hash(1), 0)
  t.notOk(tokens.accepts(token, '1.2.3.4', hash(1), 60 * minute))
  t.notOk(new Tokens(chance).accepts(token, '1.2.3.4', hash(1), 0), 'invalid in another run')
})

t.test('a stored peer expires half an hour after its last announce', async t => {
  const store = new PeerStore()
  store.add(hash(1), at(1), 0)
  store.add(hash(1), at(2), 10 * minute)
  store.add(hash(2), at(3), 0)
  t.same(store.sample(hash(1), 50, 29 * minute, random), [at(1), at(2)])
  t.same(store.sample(hash(1), 50, 30 * minute, random), [at(2)])
  store.add(hash(1), at(2), 39 * minute)
  t.same(store.sample(hash(1), 50, 60 * minute, random), [at(2)], 'it was announced again')
  store.sweep(60 * minute)
  t.equal(store.size, 1)
  t.same(store.sample(hash(9), 50, 0, random), [])
})

t.test('a reply has a random sample of many stored peers', async t => {
  const store = new PeerStore()
  for (let index = 0; index < 100; index++) store.add(hash(1), at(index), 0)
  const first = store.sample(hash(1), 10, 0, random)
  t.equal(first.length, 10)
  t.notSame(store.sample(hash(1), 10, 0, random), first)
})

t.test('stored peers are limited per torrent, per address in a torrent, and in total', async t => {
  const store = new PeerStore()
  for (let index = 0; index < 600; index++) store.add(hash(1), at(index), index)
  t.equal(store.size, 500)
  t.same(store.sample(hash(1), 500, 600, random)[0], at(100), 'the oldest were removed')
  for (let port = 1; port < 60; port++) store.add(hash(2), at(1, port), 0)
  t.same(
    store.sample(hash(2), 50, 0, random),
    [56, 57, 58, 59].map(port => at(1, port)),
  )
  for (let port = 1; port < 60; port++) store.add(hash(3), { host: '127.0.0.1', port }, 0)
  t.equal(store.sample(hash(3), 100, 0, random).length, 59, 'loopback addresses are exempt')
  for (let torrent = 0; torrent < 2_500; torrent++) store.add(hash(10 + torrent), at(torrent), 700)
  t.same(store.sample(hash(1), 500, 700, random), [], 'the first torrent was removed')
  t.equal(store.sample(hash(10 + 2_499), 1, 700, random).length, 1)
  for (let torrent = 0; torrent < 60; torrent++)
    for (let index = 0; index < 500; index++) store.add(hash(torrent), at(index), 800)
  t.ok(store.size <= 20_000, `${store.size}`)
})

t.test('ten datagrams per second are admitted from an address, 500 from all together', async t => {
  const gate = new FloodGate()
  const count = (hosts: (index: number) => string, times: number, now: number) => {
    let admitted = 0
    for (let index = 0; index < times; index++) if (gate.admits(hosts(index), now)) admitted++
    return admitted
  }
  t.equal(
    count(() => '1.2.3.4', 200, 0),
    50,
    'fifty at once',
  )
  t.equal(
    count(() => '1.2.3.4', 200, 1_000),
    10,
  )
  t.equal(
    count(() => '1.2.3.5', 20, 1_000),
    20,
    'others are not made to pay for it',
  )
  t.equal(
    count(index => at(index).host, 5_000, 100_000),
    1_000,
  )
  t.equal(
    count(index => at(index).host, 5_000, 101_000),
    500,
  )
  t.equal(
    count(() => '127.0.0.1', 5_000, 101_000),
    5_000,
    'loopback is not counted',
  )
})

t.test('our address is the one that five networks and most of them report', async t => {
  const own = new OwnAddress()
  for (let index = 0; index < 9; index++) own.vote(`40.1.1.${index}`, '5.5.5.5')
  t.equal(own.host, undefined, 'nine nodes of one network count once')
  for (let index = 0; index < 4; index++) own.vote(`40.2.${index}.1`, '6.6.6.6')
  t.equal(own.host, undefined)
  own.vote('127.0.0.1', '6.6.6.6')
  own.vote('40.9.9.9', '192.168.0.1')
  t.equal(own.host, undefined, 'reports of local nodes are ignored')
  own.vote('40.2.5.1', '6.6.6.6')
  t.equal(own.host, '6.6.6.6')
  for (let index = 0; index < 40; index++) own.vote(`41.2.${index}.1`, '7.7.7.7')
  t.equal(own.host, '7.7.7.7', 'a new address is adopted')
})

t.test('we are unreachable if no unknown host sends a query in a large DHT', async t => {
  const filled = (count: number) => {
    const reach = new Reachability(0)
    for (let index = 0; index < count; index++) {
      reach.wroteTo(at(index).host)
      reach.answeredBy(at(index).host)
      reach.askedBy(at(index).host)
    }
    return reach
  }
  t.ok(filled(200).unreachable(10 * minute))
  t.notOk(filled(200).unreachable(9 * minute), 'no conclusion before ten minutes')
  t.notOk(filled(199).unreachable(60 * minute), 'no conclusion in a small DHT')
  const asked = filled(200)
  asked.askedBy('9.9.9.9')
  t.notOk(asked.unreachable(10 * minute))
})

t.test('an encoded state is decoded back', async t => {
  const id = chance()
  const contacts = [{ id: chance(), host: '1.2.3.4', port: 5 }]
  const six = [{ id: chance(), host: '2600:db8::1', port: 5 }]
  const state = { 4: { id, contacts }, 6: { id, contacts: six } }
  t.same(decodeState(encodeState(state)), state)
  t.same(decodeState(encodeState({ 4: { id, contacts } })), { 4: { id, contacts } })
  const many = Array.from({ length: 1_000 }, (_, index) => ({ id: chance(), ...at(index) }))
  const six000 = many.map(contact => ({ ...contact, host: '2600:db8::1' }))
  const large = encodeState({ 4: { id, contacts: many }, 6: { id, contacts: six000 } })
  t.ok(large.length <= MAX_STATE)
  t.equal(decodeState(large)[4]?.contacts.length, 400)
})

t.test('an invalid state is decoded as empty', async t => {
  const id = chance()
  const odd = [
    Buffer.from('x'),
    Buffer.alloc(0),
    Buffer.alloc(MAX_STATE + 1, 'i'),
    encode([]),
    encode({ version: 2, n4: { id, nodes: '' } }),
    encode({ version: 1, n4: { id: 'short', nodes: '' }, n6: 5 }),
    encode({ version: 1, n4: { id, nodes: [] } }),
  ]
  for (const bytes of odd) t.same(decodeState(bytes), {}, bytes.subarray(0, 40).toString('latin1'))
})
