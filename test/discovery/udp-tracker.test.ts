import dgram from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { encodePeers4, encodePeers6, formatAddress } from '../../src/codec/compact.ts'
import type { AnnounceRequest } from '../../src/discovery/announce-request.ts'
import { Announcer } from '../../src/discovery/announcer.ts'
import { openTracker } from '../../src/discovery/open-tracker.ts'
import { parseUdpTrackerUrl } from '../../src/discovery/tracker-url.ts'
import { UdpSockets } from '../../src/discovery/udp-sockets.ts'
import { type Lookup, UdpTracker } from '../../src/discovery/udp-tracker.ts'
import { InputError } from '../../src/errors.ts'
import {
  answers,
  CONNECTION_ID,
  FakeDgram,
  obliging,
  type SeenPacket,
  udpTracker,
} from '../helpers/udp-tracker.ts'
import { settle, VirtualClock } from '../helpers/virtual-clock.ts'

const peer = { host: '10.0.0.1', port: 6881 }
const request: AnnounceRequest = {
  infoHash: Buffer.from('2b760aa1207030405060708090a0b0c0d0e0f0ff', 'hex'),
  peerId: Buffer.from('-TD0100-abcdefghijkl'),
  port: 6881,
  uploaded: 1,
  downloaded: 2 ** 40 + 2,
  left: 3,
  numwant: 50,
  key: 0xdeadbeef,
}

/** Creates a tracker with its own sockets, which are closed at the end of the test. */
function open(t: Test, url: string, lookup?: Lookup) {
  const tracker = new UdpTracker(url, { sockets: new UdpSockets(), ...(lookup && { lookup }) })
  t.teardown(() => tracker.close())
  return tracker
}

/** Creates a tracker in memory, at 10.0.0.9 port 80. */
function inMemory(
  script: (seen: SeenPacket, n: number) => readonly Uint8Array[] = () => [],
  url = 'udp://10.0.0.9:80',
  family?: 4 | 6,
) {
  const clock = new VirtualClock()
  const net = new FakeDgram(clock, script)
  let id = 0
  const sockets = new UdpSockets({ createSocket: net.createSocket, randomId: () => ++id })
  const both: Lookup = async () => [
    { address: '2001:db8::9', family: 6 },
    { address: '2001:db8::10', family: 6 },
    { address: '10.0.0.9', family: 4 },
  ]
  const tracker = new UdpTracker(url, { sockets, clock, family, lookup: both })
  return { clock, net, sockets, tracker, log: () => net.sent.map(({ action, at }) => `${at} ${action}`) }
}

t.test('connect and announce have the bytes of BEP 15', async t => {
  const tracker = await udpTracker(t)
  for (const [event, number] of [
    ['started', 2],
    ['completed', 1],
    ['stopped', 3],
    [undefined, 0],
  ] as const) {
    const reply = await open(t, tracker.url.replace('/announce', '')).announce({
      ...request,
      ...(event && { event }),
    })
    t.match(reply, { interval: 1800, minInterval: 1800, leechers: 2, seeders: 3, peers: [] })
    const [connect, announce] = tracker.seen.splice(0)
    t.equal(connect?.packet.toString('hex', 0, 12), '000004172710198000000000')
    t.equal(connect?.packet.length, 16)
    const packet = announce!.packet
    t.equal(packet.length, 98)
    t.same(packet.subarray(0, 8), CONNECTION_ID)
    t.equal(packet.readUInt32BE(8), 1)
    t.notSame(announce?.transaction, connect?.transaction, 'fresh transaction ids')
    t.same(packet.subarray(16, 36), request.infoHash)
    t.same(packet.subarray(36, 56), request.peerId)
    t.equal(packet.readBigUInt64BE(56), 2n ** 40n + 2n, 'downloaded')
    t.equal(packet.readBigUInt64BE(64), 3n, 'left')
    t.equal(packet.readBigUInt64BE(72), 1n, 'uploaded')
    t.equal(packet.readUInt32BE(80), number, 'event')
    t.equal(packet.readUInt32BE(84), 0, 'no address')
    t.equal(packet.readUInt32BE(88), 0xdeadbeef, 'key')
    t.equal(packet.readInt32BE(92), 50, 'numwant')
    t.equal(packet.readUInt16BE(96), 6881, 'port')
  }
})

t.test('the path and query of the URL are sent with the announce, in parts of 255 bytes', async t => {
  const { net, tracker } = inMemory(obliging, 'udp://10.0.0.9:80/dir/announce?key=%20x#no')
  await tracker.announce(request)
  t.equal(net.sent[1]?.packet.toString('latin1', 98), '\x02\x16/dir/announce?key=%20x')
  const query = `/?${'x'.repeat(298)}`
  const long = inMemory(obliging, `udp://10.0.0.9:80${query}`)
  await long.tracker.announce(request)
  const options = long.net.sent[1]!.packet.subarray(98)
  t.same([options[0], options[1], options[257], options[258], options.length], [2, 255, 2, 45, 304])
  t.equal(`${options.toString('latin1', 2, 257)}${options.toString('latin1', 259)}`, query)
})

t.test('two hundred peers, IPv6 peers, and packets that are too long are read', async t => {
  const many = Array.from({ length: 200 }, (_, index) => ({
    host: `10.0.1.${index + 1}`,
    port: 1000 + index,
  }))
  const four = await udpTracker(t, seen =>
    seen.action === 'connect'
      ? [Buffer.concat([answers.connect(seen), Buffer.alloc(50)])]
      : [answers.announce(seen, Buffer.concat([encodePeers4(many), Buffer.alloc(5, 9)]))],
  )
  t.same((await open(t, four.url).announce(request)).peers, many)
  const [six] = await Promise.allSettled([
    udpTracker(
      t,
      seen =>
        seen.action === 'connect'
          ? obliging(seen, 0)
          : [answers.announce(seen, encodePeers6([{ host: '2600::1', port: 7 }]))],
      '::1',
    ),
  ])
  if (six.status === 'rejected') return t.pass('no IPv6 here')
  t.same((await open(t, six.value.url).announce(request)).peers, [{ host: '2600::1', port: 7 }])
})

t.test('only the answer to the request, from the address of the tracker, counts', async t => {
  const stranger = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  await once(stranger, 'listening')
  t.teardown(() => stranger.close())
  const tracker = await udpTracker(t, () => [])
  const announced = open(t, tracker.url).announce(request)
  for (const right of ['connect', 'announce'] as const) {
    await tracker.count(right === 'connect' ? 1 : 2)
    const seen = tracker.seen.at(-1)!
    const from = tracker.froms.at(-1)!
    const packet = right === 'connect' ? answers.connect(seen) : answers.announce(seen, encodePeers4([peer]))
    const other = { ...seen, transaction: Buffer.from(seen.transaction.map(byte => byte ^ 1)) }
    // The packets of the other socket arrive first, because loopback keeps the order.
    const spoofed = right === 'connect' ? answers.connect(seen, Buffer.alloc(8, 6)) : answers.announce(seen)
    for (const lie of [spoofed, answers.error(seen, 'spoofed')]) {
      await new Promise<void>(resolve => stranger.send(lie, from.port, from.address, () => resolve()))
    }
    tracker.send(right === 'connect' ? answers.connect(other) : answers.announce(other), from)
    tracker.send(answers.scrape(seen, 1, 2, 3), from)
    tracker.send(right === 'connect' ? answers.announce(seen) : answers.connect(seen), from)
    for (let length = 0; length < (right === 'connect' ? 16 : 20); length++)
      tracker.send(packet.subarray(0, length), from)
    tracker.send(Buffer.alloc(65_000, 7), from)
    tracker.send(packet, from)
  }
  t.same((await announced).peers, [peer])
  t.same(tracker.seen[1]?.connection, CONNECTION_ID)
})

t.test('replayed and late packets are ignored', async t => {
  const { clock, net, tracker } = inMemory(seen =>
    seen.action === 'connect' ? [answers.connect(seen), answers.connect(seen, Buffer.alloc(8, 1))] : [],
  )
  const announced = tracker.announce(request)
  await settle()
  const first = net.sent.at(-1)!
  const reply = answers.announce(first, encodePeers4([peer]))
  net.receive(reply, '10.0.0.9', 80)
  net.receive(reply, '10.0.0.9', 80)
  t.same((await announced).peers, [peer])
  const again = tracker.announce(request)
  await settle()
  t.same(net.sent.at(-1)?.connection, CONNECTION_ID, 'the first connection id')
  net.receive(reply, '10.0.0.9', 80)
  net.receive(answers.announce(net.sent.at(-1)!), '10.0.0.9', 80)
  t.same((await again).peers, [])
  t.equal(clock.pending, 0)
})

t.test('an error reply is reported with its text, made printable', async t => {
  for (const action of ['connect', 'announce', 'scrape']) {
    const { tracker } = inMemory(
      (seen, n) =>
        seen.action === action ? [answers.error(seen, 'no \x1b[31m way\u202e\0\0')] : obliging(seen, n),
      'udp://10.0.0.9:80/announce?passkey=secret',
    )
    const asked: Promise<unknown> =
      action === 'scrape' ? tracker.scrape([request.infoHash]) : tracker.announce(request)
    await t.rejects(asked, {
      name: 'DiscoveryError',
      code: 'ERR_TRACKER_FAILURE',
      message: 'tracker udp://10.0.0.9:80/announce: no [31m way',
    })
  }
  const { tracker } = inMemory(seen => [answers.error(seen, '')])
  await t.rejects(tracker.announce(request), { message: /: no reason given$/ })
})

t.test('a request is sent again after 15, 30, ... 3840 s, and then fails', async t => {
  const { clock, log, tracker, net } = inMemory()
  const failed = t.rejects(tracker.announce(request), {
    code: 'ERR_TRACKER',
    message: 'tracker udp://10.0.0.9:80: no answer within 7665 s',
  })
  await clock.advance(7_665_000)
  await failed
  t.same(
    log(),
    [0, 15, 45, 105, 225, 465, 945, 1905, 3825].map(at => `${at} connect`),
  )
  t.equal(new Set(net.sent.map(({ transaction }) => transaction.toString('hex'))).size, 1, 'the same packet')
  t.equal(clock.pending, 0)
})

t.test(
  'a lost announce is repeated at the times of BEP 15, and the answer to the repetition is used',
  async t => {
    const { clock, log, tracker, net } = inMemory(seen =>
      seen.action === 'connect' ? [answers.connect(seen)] : [],
    )
    const announced = tracker.announce(request)
    await clock.advance(300_000)
    // At 105 s the id has expired, and the next wait is the fourth.
    t.same(
      log(),
      [
        '0 announce',
        '15 announce',
        '45 announce',
        '105 connect',
        '105 announce',
        '225 connect',
        '225 announce',
      ].toSpliced(0, 0, '0 connect'),
    )
    net.receive(answers.announce(net.sent.at(-1)!, encodePeers4([peer])), '10.0.0.9', 80)
    t.same((await announced).peers, [peer])
    t.equal(clock.pending, 0)
  },
)

t.test('a connection id is used for one minute by all trackers at that address', async t => {
  const { clock, log, net, sockets, tracker } = inMemory(obliging)
  const other = new UdpTracker('udp://10.0.0.9:80/other', { sockets, clock })
  await tracker.announce(request)
  await clock.advance(59_999)
  await other.announce(request)
  await clock.advance(1)
  await tracker.announce(request)
  t.same(log(), ['0 connect', '0 announce', '59.999 announce', '60 connect', '60 announce'])
  tracker.close()
  t.equal(net.open, 1, 'one socket for both')
  other.close()
  await settle()
  t.equal(net.open, 0, 'closed when it is not used')
  await tracker.announce(request)
  t.same(log().slice(-2), ['60 connect', '60 announce'], 'the id went with its socket')
  tracker.close()
})

t.test('a connection id that is rejected or not answered is replaced', async t => {
  const { clock, log, net, tracker } = inMemory(obliging)
  await tracker.announce(request)
  net.script = (seen, n) =>
    seen.connection.equals(CONNECTION_ID)
      ? [answers.error(seen, 'Connection ID missmatch.\0')]
      : seen.action === 'connect'
        ? [answers.connect(seen, Buffer.alloc(8, 5))]
        : obliging(seen, n)
  t.same((await tracker.announce(request)).peers, [])
  t.same(log().slice(2), ['0 announce', '0 connect', '0 announce'])
  net.script = () => []
  const silent = tracker.announce(request)
  await clock.advance(15_000)
  t.same(log().slice(5), ['0 announce', '15 connect'])
  tracker.close()
  await t.rejects(silent, { code: 'ERR_ABORTED' })
  t.equal(clock.pending, 0)
})

t.test(
  'a host with addresses of both families gets an announce at one of each, with the same key',
  async t => {
    const { clock, net, tracker } = inMemory(seen => {
      if (seen.action === 'connect') return [answers.connect(seen)]
      return [
        answers.announce(
          seen,
          seen.to.startsWith('2') ? encodePeers6([{ host: '2600::5', port: 5 }]) : encodePeers4([peer]),
        ),
      ]
    }, 'udp://t.example:80/announce')
    const found: string[] = []
    const first = await tracker.announce(request, {
      more: reply => found.push(...reply.peers.map(formatAddress)),
    })
    await settle()
    found.push(...first.peers.map(formatAddress))
    t.same(found.sort(), ['10.0.0.1:6881', '[2600::5]:5'])
    const announces = net.sent.filter(({ action }) => action === 'announce')
    t.same(announces.map(({ to }) => to).sort(), ['10.0.0.9 80', '2001:db8::9 80'])
    t.same(announces[0]?.packet.subarray(16), announces[1]?.packet.subarray(16), 'all else the same')
    t.equal(clock.pending, 0)
  },
)

t.test('one family that fails or is silent does not fail the announce, and both do', async t => {
  const six = inMemory((seen, n) => (seen.to.startsWith('10') ? [] : obliging(seen, n)), 'udp://t.example:80')
  six.net.unreachable.add('10.0.0.9')
  t.ok(await six.tracker.announce(request))
  six.net.unreachable.clear()
  t.ok(await six.tracker.announce(request), 'the silent one goes on by itself')
  t.equal(six.clock.pending, 1)
  const announced = six.tracker.announce({ ...request, event: 'stopped' })
  await settle()
  t.ok(await announced, 'no stopped event waits for a tracker that never answered')
  t.equal(six.clock.pending, 0)
  six.net.unreachable.add('10.0.0.9').add('2001:db8::9')
  six.tracker.close()
  await t.rejects(six.tracker.announce(request), {
    code: 'ERR_TRACKER',
    message: 'tracker udp://t.example:80: the network is unreachable',
  })
  const nowhere = open(t, 'udp://t.example:80', async () => [])
  await t.rejects(nowhere.announce(request), { code: 'ERR_TRACKER', message: /: its name has no address$/ })
  const lost = open(t, 'udp://t.example:80', async () =>
    Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' })),
  )
  await t.rejects(lost.announce(request), { code: 'ERR_TRACKER', message: /: no such host$/ })
})

t.test('a closed port fails the announce in time', async t => {
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  await new Promise<void>(resolve => socket.close(() => resolve()))
  const clock = new VirtualClock()
  const tracker = new UdpTracker(`udp://127.0.0.1:${port}`, { sockets: new UdpSockets(), clock })
  t.teardown(() => tracker.close())
  const failed = t.rejects(tracker.announce(request), { code: 'ERR_TRACKER' })
  while (clock.pending === 0) await settle()
  await clock.advance(7_665_000)
  await failed
})

t.test(
  'an announce that is aborted during a connect or a lookup ends at once, and leaves nothing open',
  async t => {
    const { clock, net, tracker } = inMemory()
    const control = new AbortController()
    const announced = tracker.announce(request, control)
    await settle()
    control.abort()
    await t.rejects(announced, { code: 'ERR_ABORTED' })
    await t.rejects(tracker.announce(request, control), { code: 'ERR_ABORTED' })
    const scraped = tracker.scrape([request.infoHash], { signal: AbortSignal.abort() })
    await t.rejects(scraped, { code: 'ERR_ABORTED' })
    t.equal(clock.pending, 0)
    tracker.close()
    await settle()
    t.equal(net.open, 0)
    const slow = open(t, 'udp://t.example:80', () => new Promise(() => {}))
    const looking = new AbortController()
    const waiting = slow.announce(request, looking)
    looking.abort()
    await t.rejects(waiting, { code: 'ERR_ABORTED' })
  },
)

t.test('stopped to a silent tracker takes a second and a half at most', async t => {
  const { clock, tracker } = inMemory()
  const stopped = t.rejects(tracker.announce({ ...request, event: 'stopped' }), {
    code: 'ERR_TRACKER',
    message: /no answer within 1.5 s$/,
  })
  await clock.advance(1_500)
  await stopped
  t.equal(clock.pending, 0)
})

t.test('a leecher finds an announced seeder; stopped is sent even in the tick of start', async t => {
  const known: Buffer[] = []
  const tracker = await udpTracker(t, (seen, n) => {
    if (seen.action !== 'announce') return obliging(seen, n)
    const peers = Buffer.concat(known)
    known.push(Buffer.concat([Buffer.from([127, 0, 0, 1]), seen.packet.subarray(96, 98)]))
    return [answers.announce(seen, peers)]
  })
  const announcer = (port: number) =>
    new Announcer({
      tiers: [[tracker.url]],
      infoHash: request.infoHash,
      peerId: request.peerId,
      port,
      key: 1,
      clock: new VirtualClock(),
      random: () => 0,
      stats: () => ({ uploaded: 0, downloaded: 0, left: 1 }),
      makeTracker: url => openTracker(url, { userAgent: 'x' }),
    })
  const seeder = announcer(5001)
  seeder.start()
  await new Promise(resolve => seeder.once('peers', resolve))
  const leecher = announcer(5002)
  leecher.start()
  const peers = await new Promise(resolve => leecher.once('peers', resolve))
  t.same(peers, [{ host: '127.0.0.1', port: 5001 }])
  await Promise.all([seeder.stop(), leecher.stop()])
  const hasty = announcer(5003)
  hasty.start()
  await hasty.stop()
  t.same(
    tracker.seen.filter(({ action }) => action === 'announce').map(({ packet }) => packet[83]),
    [2, 2, 3, 3, 3],
  )
})

t.test(
  'a scrape of two torrents has their counts in order, and a short reply has those of the first',
  async t => {
    const { net, tracker } = inMemory(obliging)
    const two = [request.infoHash, request.peerId]
    t.same(await tracker.scrape(two.slice(0, 1)), [{ complete: 1, downloaded: 2, incomplete: 3 }])
    t.equal(net.sent.at(-1)?.packet.length, 36)
    net.script = seen => [answers.scrape(seen, 1, 2, 3, 4, 5, 6, 7, 8)]
    t.same(await tracker.scrape(two), [
      { complete: 1, downloaded: 2, incomplete: 3 },
      { complete: 4, downloaded: 5, incomplete: 6 },
    ])
    t.same(net.sent.at(-1)?.packet.subarray(16), Buffer.concat(two))
    net.script = seen => [answers.scrape(seen, 1, 2, 3, 4)]
    t.same(await tracker.scrape(two), [{ complete: 1, downloaded: 2, incomplete: 3 }, undefined])
    await t.rejects(tracker.scrape([]), InputError)
    await t.rejects(tracker.scrape(Array(75).fill(request.infoHash)), {
      code: 'ERR_USAGE',
      message: /1 to 74 .* got 75$/,
    })
  },
)

t.test('valid UDP tracker URLs are parsed, and others rejected', async t => {
  const good = [
    ['udp://T.Example:6969/announce?x', { host: 't.example', port: 6969, target: '/announce?x' }],
    ['UDP://t.example:80', { host: 't.example', port: 80, target: '' }],
    ['udp://[2001:DB8::1]:1/', { host: '2001:db8::1', port: 1, target: '/' }],
    ['udp://u:p@10.1:7', { host: '10.0.0.1', port: 7, target: '' }],
    ['udp://münchen.example:7', { host: 'xn--mnchen-3ya.example', port: 7, target: '' }],
  ] as const
  for (const [url, parts] of good) t.same(parseUdpTrackerUrl(url), parts, url)
  const bad = [
    'udp://t.example',
    'udp://t.example:0',
    'udp://t.example:99999',
    'udp://:80',
    'udp:t:80',
    'udp:///a',
    'udp://a b:80',
    'udp://[::1:80',
    'udp://a\r\nb:80',
    'http://t.example:80',
    'udp://%00:80',
  ]
  for (const url of bad) t.throws(() => parseUdpTrackerUrl(url), { code: 'ERR_USAGE' }, JSON.stringify(url))
  t.equal(openTracker('http://t.example/', { userAgent: 'x' }).constructor.name, 'HttpTracker')
  t.throws(() => openTracker('ws://t.example/', { userAgent: 'x' }), {
    message: /ws trackers are not supported/,
  })
})

t.test('with one address family, a tracker is contacted at its address of that family only', async t => {
  for (const [family, asked, other] of [
    [4, '10.0.0.9 80', 'udp://[2001:db8::9]:80'],
    [6, '2001:db8::9 80', 'udp://10.0.0.9:80'],
  ] as const) {
    const { net, tracker } = inMemory(obliging, 'udp://both.example:80', family)
    await tracker.announce(request)
    await tracker.announce({ ...request, event: 'stopped' })
    t.strictSame([...new Set(net.sent.map(({ to }) => to))], [asked])
    const literal = inMemory(obliging, other, family)
    await t.rejects(literal.tracker.announce(request), {
      code: 'ERR_TRACKER',
      message: new RegExp(`: it has no IPv${family} address$`),
    })
    t.strictSame(literal.net.sent, [])
  }
})
