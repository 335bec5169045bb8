import t from 'tap'
import { type Encodable, encode } from '../../src/codec/bencode.ts'
import { parseAnnounceReply } from '../../src/discovery/announce-reply.ts'
import { InputError } from '../../src/errors.ts'

const parse = (value: Encodable) => parseAnnounceReply(encode(value))
const raw = (text: string) => parseAnnounceReply(Buffer.from(text, 'latin1'))
const a = { host: '10.0.0.1', port: 6881 }
const b = { host: '10.0.0.2', port: 51413 }
const compactA = Buffer.from([10, 0, 0, 1, 0x1a, 0xe1])
const compactB = Buffer.from([10, 0, 0, 2, 0xc8, 0xd5])

t.test('a list of dictionaries may have IPv6 addresses and names, with and without a peer id', async t => {
  const { peers } = parse({
    interval: 1800,
    peers: [
      { ip: '10.0.0.1', port: 6881, 'peer id': Buffer.alloc(20, 0xff) },
      { ip: '10.0.0.2', port: 51413 },
      { ip: '2001:DB8:0::1', port: 1 },
      { ip: '[2001:db8::2]', port: 65535 },
      { ip: 'peer.example.org', port: 80 },
      { ip: '10.0.0.3', port: '6881' },
    ],
  })
  t.same(peers, [
    a,
    b,
    { host: '2001:db8::1', port: 1 },
    { host: '2001:db8::2', port: 65535 },
    { host: 'peer.example.org', port: 80 },
    { host: '10.0.0.3', port: 6881 },
  ])
})

t.test('an invalid entry does not affect the valid entries around it', async t => {
  const good = [
    { ip: '10.0.0.1', port: 6881 },
    { ip: '10.0.0.2', port: 51413 },
  ]
  const bad: Encodable[] = [
    { ip: '10.0.0.3' },
    { port: 6881 },
    { ip: '', port: 6881 },
    { ip: '10.0.0.3', port: 0 },
    { ip: '10.0.0.3', port: -1 },
    { ip: '10.0.0.3', port: 65536 },
    { ip: '10.0.0.3', port: '68.1' },
    { ip: '10.0.0.256', port: 6881 },
    { ip: '0.0.0.0', port: 6881 },
    { ip: 'x y', port: 6881 },
    { ip: 'x\r\nHost: y', port: 6881 },
    { ip: 'x'.repeat(300), port: 6881 },
    { ip: ['10.0.0.3'], port: 6881 },
    { ip: ':::', port: 6881 },
    7,
    'six666',
    [],
  ]
  for (const entry of bad)
    t.same(parse({ peers: [good[0]!, entry, good[1]!] }).peers, [a, b], JSON.stringify(entry))
})

t.test('peers6 is read with and without peers, and both may be missing', async t => {
  const six = Buffer.concat([
    Buffer.from('20010db8000000000000000000000001', 'hex'),
    Buffer.from([0x1a, 0xe1]),
  ])
  const v6 = { host: '2001:db8::1', port: 6881 }
  t.same(parse({ peers6: six }).peers, [v6])
  t.same(parse({ peers: compactA, peers6: six }).peers, [a, v6])
  t.same(parse({ peers: '', peers6: six }).peers, [v6])
  t.same(parse({ peers: [], peers6: '' }).peers, [])
  t.same(parse({ interval: 1800 }).peers, [])
  // BEP 7's own example
  t.same(raw('d8:intervali1800e5:peers6:iiiipp6:peers618:iiiiiiiiiiiiiiiippe').peers, [
    { host: '105.105.105.105', port: 0x7070 },
    { host: '6969:6969:6969:6969:6969:6969:6969:6969', port: 0x7070 },
  ])
})

t.test('a compact list of an invalid length is never read misaligned', async t => {
  for (let extra = 0; extra < 6; extra++) {
    t.same(parse({ peers: Buffer.concat([compactA, compactB, Buffer.alloc(extra, 9)]) }).peers, [a, b])
  }
  t.same(parse({ peers: compactA.subarray(0, 5) }).peers, [])
  t.equal(parse({ peers6: Buffer.alloc(19, 9) }).peers.length, 1)
})

t.test('compact entries with port 0 or no address are dropped', async t => {
  const portless = Buffer.from([10, 0, 0, 3, 0, 0])
  const nowhere = Buffer.from([0, 0, 0, 0, 1, 1])
  t.same(parse({ peers: Buffer.concat([compactA, portless, nowhere, compactB]) }).peers, [a, b])
})

t.test('a captured reply has its seven compact peers and its counts', async t => {
  const peers = Buffer.concat(Array.from({ length: 7 }, (_, i) => Buffer.from([10, 0, 1, i, 0x1a, 0xe1])))
  const reply = parse({
    complete: 5,
    downloaded: 40,
    incomplete: 2,
    interval: 1838,
    'min interval': 919,
    peers,
  })
  t.match(reply, { interval: 1838, minInterval: 919, seeders: 5, leechers: 2 })
  t.equal(reply.peers.length, 7)
})

t.test('keys out of order are read', async t => {
  t.same(raw('d5:peers6:\x0a\0\0\x01\x1a\xe18:intervali1800e8:completei3ee').peers, [a])
  t.equal(raw('d5:peers0:8:intervali1900ee').interval, 1900)
})

t.test('the first of two equal keys counts', async t => {
  t.equal(raw('d8:intervali1900e8:intervali1800e5:peers0:e').interval, 1900)
})

t.test('bytes after the dictionary are ignored', async t => {
  t.equal(raw('d8:intervali1900e5:peers0:e\r\n').interval, 1900)
})

t.test('a list of too many peers is cut, not rejected', async t => {
  t.equal(parse({ peers: Buffer.alloc(6 * 100_000, 7) }).peers.length, 2000)
  t.equal(
    parse({ peers: Array.from({ length: 3000 }, () => ({ ip: '10.0.0.1', port: 1 })) }).peers.length,
    2000,
  )
})

t.test('a failure reason gives no peers, and the time to wait', async t => {
  const reply = parse({ 'failure reason': 'not\x1b[31m regis\u202Etered\r\n', peers: compactA })
  t.same(reply.peers, [])
  t.equal(reply.failureReason, 'not [31m registered', 'no control characters reach the terminal')
  t.equal(reply.retryIn, undefined)
  t.equal(parse({ 'failure reason': 'later', interval: 900 }).retryIn, 900)
  t.equal(parse({ 'failure reason': 'later', interval: 0 }).retryIn, undefined)
  t.equal(parse({ 'failure reason': 'later', interval: 1 }).retryIn, 60)
  t.equal(parse({ 'failure reason': 'later', 'retry in': 5 }).retryIn, 300, 'BEP 31: minutes')
  t.equal(parse({ 'failure reason': 'later', 'retry in': '5' }).retryIn, 300)
  t.equal(parse({ 'failure reason': 'gone', 'retry in': 'never' }).retryIn, 86_400, 'nothing is for ever')
  t.equal(parse({ 'failure reason': '' }).failureReason, 'no reason given')
  t.equal(parse({ 'failure reason': 404 }).failureReason, 'no reason given')
  t.equal(parse({ 'failure reason': 'x'.repeat(100_000) }).failureReason?.length, 200)
  t.ok(parse({ 'failure reason': Buffer.alloc(400, 0xff) }).failureReason)
})

t.test('a reply with a warning message has its text and its peers', async t => {
  t.match(parse({ 'warning message': 'be nice', peers: compactA }), { warning: 'be nice', peers: [a] })
  t.equal(parse({ 'warning message': 7 }).warning, undefined)
})

t.test('a tracker id is kept as bytes, also without an interval and peers', async t => {
  const reply = parse({ 'tracker id': 'testtest' })
  t.same(reply.trackerId, Buffer.from('testtest'))
  t.equal(reply.interval, 1800)
  t.equal(parse({ 'tracker id': 'x'.repeat(10_000) }).trackerId, undefined)
  t.equal(parse({ 'tracker id': '' }).trackerId, undefined)
})

t.test('the interval stays within its bounds for any reply', async t => {
  const cases: [Encodable, number][] = [
    [1800, 1800],
    [60, 60],
    [1, 60],
    [0, 1800],
    [-5, 1800],
    [2 ** 31, 21_600],
    ['900', 1800],
    [[], 1800],
  ]
  for (const [interval, seconds] of cases)
    t.equal(parse({ interval }).interval, seconds, JSON.stringify(interval))
  t.equal(raw('d8:intervali9007199254740992e5:peers6:\x0a\0\0\x01\x1a\xe1e').interval, 21_600, '2^53')
  t.same(raw('d8:intervali99999999999999999999999e5:peers6:\x0a\0\0\x01\x1a\xe1e').peers, [a])
  t.equal(raw('d8:intervali-9007199254740993ee').interval, 1800)
  t.match(parse({ interval: 1042, 'min interval': 10 }), { interval: 1042, minInterval: 10 })
  t.equal(parse({ interval: 1042 }).minInterval, 60)
  t.equal(parse({ 'min interval': 1 }).minInterval, 10)
  t.equal(parse({ interval: 100, 'min interval': 300 }).interval, 300)
})

t.test('external ip is read in both lengths', async t => {
  t.equal(parse({ 'external ip': Buffer.from([1, 2, 3, 4]) }).externalIp, '1.2.3.4')
  t.equal(
    parse({ 'external ip': Buffer.alloc(16, 0x11) }).externalIp,
    '1111:1111:1111:1111:1111:1111:1111:1111',
  )
  t.equal(parse({ 'external ip': 'odd' }).externalIp, undefined)
})

t.test('invalid bodies are rejected with InputError', async t => {
  const bad = [
    '',
    'i7e',
    'le',
    '5:peers',
    'd8:interval',
    'd8:intervali1800e5:peers600:abc',
    '<html><body>502 Bad Gateway</body></html>',
    'd5:peersi--7ee',
    `${'l'.repeat(200_000)}${'e'.repeat(200_000)}`,
    'd5:peers99999999999999999999:e',
    'd1:a1:be'.slice(0, -1),
  ]
  for (const text of bad) t.throws(() => raw(text), InputError, text.slice(0, 40))
})
