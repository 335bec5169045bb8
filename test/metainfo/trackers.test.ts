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

t.test('announce alone gives one tier with one tracker', async t => {
  t.same(trackers(a), { tiers: [[a]], warnings: [] })
  t.same(trackers(undefined), { tiers: [], warnings: [] })
  t.same(trackers(''), { tiers: [], warnings: [] })
})

t.test('announce-list gives the tiers, and announce is then ignored', async t => {
  t.same(trackers(a, [[b, c], [a]]).tiers, [[b, c], [a]])
  t.same(trackers(a, [[b]]).tiers, [[b]])
})

t.test('announce is used if announce-list has no valid URL', async t => {
  for (const list of ['', [], [[]], [[''], []], [['  ']], [['javascript:1']], 7, {}]) {
    t.same(trackers(a, list).tiers, [[a]], JSON.stringify(list))
  }
})

t.test('each string of a flat announce-list is a tier', async t => {
  t.same(trackers(undefined, [a, b]).tiers, [[a], [b]])
})

t.test('a repeated tracker keeps its first position', async t => {
  t.same(trackers(a, [[b, b], [a, b], [b]]), { tiers: [[b], [a]], warnings: [] })
})

t.test('white space around a URL is removed', async t => {
  t.same(trackers(` ${a}\r\n`), { tiers: [[a]], warnings: [] })
})

t.test('a space inside a URL is encoded', async t => {
  t.same(trackers('http://a.example/a b'), { tiers: [['http://a.example/a%20b']], warnings: [] })
  t.same(seeds([' http://a.example/a b/c  d ', 'http://a.example/a%20b/c%20%20d']), {
    urls: ['http://a.example/a%20b/c%20%20d'],
    warnings: [],
  })
})

t.test('an invalid tracker URL is ignored with a warning that gives the reason', async t => {
  const cases: [Encodable, RegExp][] = [
    ['a.example', /is not a valid URL/],
    ['//a.example/x', /is not a valid URL/],
    ['http://', /is not a valid URL/],
    ['http://a.example:99999/', /is not a valid URL/],
    ['http://a.example:0/', /has port 0/],
    ['udp://b.example:0', /has port 0/],
    ['udp://b.example:65536', /is not a valid URL/],
    ['udp://b.example', /has no port/],
    ['ws://a.example/', /has a scheme other than http, https, udp/],
    ['wss://a.example/', /has a scheme other than/],
    ['javascript:alert(1)', /has a scheme other than/],
    ['file:///etc/passwd', /has a scheme other than/],
    ['http://a.example/\r\nHost: x', /contains a space or control character/],
    ['http://a.example/a\tb', /contains a space/],
    ['http://a.example/\u001b[2J', /contains a space or control character/],
    [`http://a.example/${'x'.repeat(5000)}`, /longer than 4096/],
    [5, /an entry is not a string/],
    [[['x']], /an entry is not a string/],
  ]
  for (const [url, why] of cases) {
    const { tiers, warnings } = trackers(undefined, [[url], [b]])
    t.same(tiers, [[b]], JSON.stringify(url).slice(0, 60))
    t.match(warnings, [why])
    t.notMatch(warnings[0], /\p{Cc}/u)
  }
})

t.test('url-list may be a list, a string or missing', async t => {
  t.same(seeds([a, c]), { urls: [a, c], warnings: [] })
  t.same(seeds(a), { urls: [a], warnings: [] })
  for (const nothing of [undefined, '', [], ['']]) t.same(seeds(nothing), { urls: [], warnings: [] })
  t.same(seeds([` ${a}`, a, `${a}\n`]), { urls: [a], warnings: [] })
})

t.test('a web seed is HTTP or HTTPS', async t => {
  const { urls, warnings } = seeds([b, 'ftp://a.example/x', c])
  t.same(urls, [c])
  t.equal(warnings.length, 2)
})

t.test('at most 1,000 URLs are used', async t => {
  const many = Array.from({ length: 1100 }, (_, index) => `http://a.example/${index}`)
  t.equal(seeds(many).urls.length, 1000)
  t.equal(trackers(undefined, [many, many.map(url => `${url}x`)]).tiers.flat().length, 1000)
})
