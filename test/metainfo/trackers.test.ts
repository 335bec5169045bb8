import t from 'tap'
import { type BencodeValue, decode, type Encodable, encode } from '../../src/codec/bencode.ts'
import { readTrackers, readWebSeeds } from '../../src/metainfo/trackers.ts'

const spelled = (value: Encodable | undefined): BencodeValue | undefined =>
  value === undefined ? undefined : decode(encode(value))

function trackers(announce: Encodable | undefined, list?: Encodable) {
  const warnings: string[] = []
  return { tiers: readTrackers(spelled(announce), spelled(list), it => warnings.push(it)), warnings }
}

function seeds(list: Encodable | undefined) {
  const warnings: string[] = []
  return { urls: readWebSeeds(spelled(list), it => warnings.push(it)), warnings }
}

const a = 'http://a.example/announce'
const b = 'udp://b.example:6969'
const c = 'https://c.example:8443/x?y=z'

t.test('announce alone is one tier of one', async t => {
  t.same(trackers(a), { tiers: [[a]], warnings: [] })
  t.same(trackers(undefined), { tiers: [], warnings: [] })
  t.same(trackers(''), { tiers: [], warnings: [] })
})

t.test('announce-list is in tiers, and announce is then not asked', async t => {
  t.same(trackers(a, [[b, c], [a]]).tiers, [[b, c], [a]])
  t.same(trackers(a, [[b]]).tiers, [[b]])
})

t.test('announce is used where announce-list says nothing that can be used', async t => {
  for (const list of ['', [], [[]], [[''], []], [['  ']], [['javascript:1']], 7, {}]) {
    t.same(trackers(a, list).tiers, [[a]], JSON.stringify(list))
  }
})

t.test('a flat announce-list is a list of tiers of one', async t => {
  t.same(trackers(undefined, [a, b]).tiers, [[a], [b]])
})

t.test('the same tracker is asked once, where it stands first', async t => {
  t.same(trackers(a, [[b, b], [a, b], [b]]), { tiers: [[b], [a]], warnings: [] })
})

t.test('white space around a URL is not part of it', async t => {
  t.same(trackers(` ${a}\r\n`), { tiers: [[a]], warnings: [] })
})

t.test('a raw space inside a URL is encoded, as other clients do', async t => {
  t.same(trackers('http://a.example/a b'), { tiers: [['http://a.example/a%20b']], warnings: [] })
  t.same(seeds([' http://a.example/a b/c  d ', 'http://a.example/a%20b/c%20%20d']), {
    urls: ['http://a.example/a%20b/c%20%20d'],
    warnings: [],
  })
})

t.test('a URL that no tracker can have is left out with a warning that says why', async t => {
  const cases: [Encodable, RegExp][] = [
    ['a.example', /is no URL/],
    ['//a.example/x', /is no URL/],
    ['http://', /is no URL/],
    ['http://a.example:99999/', /is no URL/],
    ['http://a.example:0/', /has port 0/],
    ['udp://b.example:0', /has port 0/],
    ['udp://b.example:65536', /is no URL/],
    ['udp://b.example', /has no port/],
    ['ws://a.example/', /is none of http, https, udp/],
    ['wss://a.example/', /is none of/],
    ['javascript:alert(1)', /is none of/],
    ['file:///etc/passwd', /is none of/],
    ['http://a.example/\r\nHost: x', /holds a space or control character/],
    ['http://a.example/a\tb', /holds a space/],
    ['http://a.example/\u001b[2J', /holds a space or control character/],
    [`http://a.example/${'x'.repeat(5000)}`, /longer than 4096/],
    [5, /an entry is no string/],
    [[['x']], /an entry is no string/],
  ]
  for (const [url, why] of cases) {
    const { tiers, warnings } = trackers(undefined, [[url], [b]])
    t.same(tiers, [[b]], JSON.stringify(url).slice(0, 60))
    t.match(warnings, [why])
    t.notMatch(warnings[0], /\p{Cc}/u)
  }
})

t.test('a url-list is a list, or one string, or nothing', async t => {
  t.same(seeds([a, c]), { urls: [a, c], warnings: [] })
  t.same(seeds(a), { urls: [a], warnings: [] })
  for (const nothing of [undefined, '', [], ['']]) t.same(seeds(nothing), { urls: [], warnings: [] })
  t.same(seeds([` ${a}`, a, `${a}\n`]), { urls: [a], warnings: [] })
})

t.test('a web seed is http or https', async t => {
  const { urls, warnings } = seeds([b, 'ftp://a.example/x', c])
  t.same(urls, [c])
  t.equal(warnings.length, 2)
})

t.test('nobody makes us ask more than a thousand', async t => {
  const many = Array.from({ length: 1100 }, (_, index) => `http://a.example/${index}`)
  t.equal(seeds(many).urls.length, 1000)
  t.equal(trackers(undefined, [many, many.map(url => `${url}x`)]).tiers.flat().length, 1000)
})
