import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import type { AnnounceRequest } from '../../src/discovery/announce-request.ts'
import { HttpTracker } from '../../src/discovery/http-tracker.ts'
import { peersBody, type Script, scriptedTracker } from '../helpers/tracker.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

const peer = { host: '10.0.0.1', port: 6881 }
const body = peersBody([peer])
const request: AnnounceRequest = {
  infoHash: Buffer.alloc(20, 1),
  peerId: Buffer.alloc(20, 2),
  port: 6881,
  uploaded: 0,
  downloaded: 0,
  left: 3,
  numwant: 50,
  key: 1,
}
const announce = (url: string) => new HttpTracker(url, { userAgent: 'tsdl/0' }).announce(request)
const gzip = { 'Content-Encoding': 'gzip' }

/** Announces once to a tracker with this script. No socket or timer may be left open. */
async function ask(t: Test, script: Script) {
  const tracker = await scriptedTracker(t, script)
  const outcome = await announce(tracker.url).then(
    reply => ({ reply, error: undefined }),
    error => ({ reply: undefined, error }),
  )
  await tracker.idle()
  return outcome
}

t.test(
  'chunked replies with extensions and trailers are read, in chunks and packets of 1 to 70 bytes',
  async t => {
    for (let size = 1; size <= 70; size++) {
      const chunks = slices(body, size).map(chunk =>
        Buffer.concat([
          Buffer.from(`${chunk.length.toString(16)};name="va;lue"\r\n`),
          chunk,
          Buffer.from('\r\n'),
        ]),
      )
      const whole = Buffer.concat([
        Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n'),
        ...chunks,
        Buffer.from('0\r\nX-T: 1\r\n\r\n'),
      ])
      const { reply } = await ask(t, { raw: slices(whole, size) })
      t.same(reply?.peers, [peer], `${size}`)
    }
  },
)

t.test('gzip is decoded', async t => {
  t.same((await ask(t, { headers: gzip, body: gzipSync(body) })).reply?.peers, [peer])
  const seen: unknown[] = []
  const plain: Script = ({ headers }) => {
    seen.push(headers['accept-encoding'])
    return { headers: { 'Content-Encoding': 'identity' }, body }
  }
  t.same((await ask(t, plain)).reply?.peers, [peer])
  t.same(seen, ['gzip'])
})

t.test('gzip that is corrupt, truncated, empty or something else is an error', async t => {
  const packed = gzipSync(body)
  const corrupt = Buffer.from(packed)
  corrupt[packed.length - 6]! ^= 0xff
  for (const broken of [corrupt, packed.subarray(0, -9), packed.subarray(0, 5), Buffer.alloc(0), body]) {
    const { error } = await ask(t, { headers: gzip, body: broken })
    t.match(error, { code: 'ERR_TRACKER', message: /gzip/ })
  }
  const { error } = await ask(t, { headers: { 'Content-Encoding': 'br' }, body })
  t.match(error, { code: 'ERR_TRACKER', message: /unknown encoding: br/ })
})

t.test('a gzip bomb of 1 GiB is rejected, and memory does not grow', async t => {
  const member = gzipSync(Buffer.alloc(16 << 20))
  const bomb = Buffer.concat(Array.from({ length: 64 }, () => member))
  const before = process.resourceUsage().maxRSS
  const { error } = await ask(t, { headers: gzip, body: bomb })
  t.match(error, { code: 'ERR_TRACKER', message: /inflates to more than 2097152 bytes/ })
  t.ok(
    process.resourceUsage().maxRSS - before < 48 * 1024,
    `${process.resourceUsage().maxRSS - before} KiB more`,
  )
})

t.test('absolute, relative and path-only redirects are followed for every status', async t => {
  const targets = (origin: string) => [
    `${origin}/x/deep/ok?a=1`,
    '/x/deep/ok?a=1',
    '../deep/ok?a=1',
    'ok?a=1',
    '?a=1',
  ]
  for (const status of [301, 302, 303, 307, 308]) {
    for (let n = 0; n < 5; n++) {
      const tracker = await scriptedTracker(t, ({ params, headers }) =>
        params.a ? { body } : { status, headers: { Location: targets(`http://${headers.host}`)[n]! } },
      )
      t.same((await announce(`${tracker.origin}/x/deep/from`)).peers, [peer])
      t.equal(tracker.announces[1]!.target, n === 4 ? '/x/deep/from?a=1' : '/x/deep/ok?a=1')
      await tracker.idle()
    }
  }
})

t.test('an endless redirect ends after six requests', async t => {
  const tracker = await scriptedTracker(t, { status: 302, headers: { Location: '/again' } })
  await t.rejects(announce(tracker.url), { code: 'ERR_TRACKER', message: /more than 5 redirects/ })
  t.equal(tracker.announces.length, 6)
})

t.test('credentials stay with their origin', async t => {
  const other = await scriptedTracker(t, { body })
  const tracker = await scriptedTracker(t, ({ path }) =>
    path === '/same'
      ? { status: 302, headers: { Location: other.url } }
      : { status: 302, headers: { Location: '/same' } },
  )
  await announce(tracker.url.replace('//', '//user:pw@'))
  const basic = `Basic ${Buffer.from('user:pw').toString('base64')}`
  t.same(
    tracker.announces.map(({ headers }) => headers.authorization),
    [basic, basic],
  )
  t.equal(other.announces[0]!.headers.authorization, undefined)
  const own = await scriptedTracker(t, {
    status: 302,
    headers: { Location: other.url.replace('//', '//a:b@') },
  })
  await announce(own.url.replace('//', '//user:pw@'))
  t.equal(other.announces[1]!.headers.authorization, `Basic ${Buffer.from('a:b').toString('base64')}`)
})

t.test('redirects to other protocols than http and https are rejected', async t => {
  for (const location of [
    'ftp://h/x',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'data:,x',
    'udp://h:1',
    'http://',
  ]) {
    const { error } = await ask(t, { status: 302, headers: { Location: location } })
    t.match(error, { code: 'ERR_TRACKER', message: /redirected to / }, location)
  }
  t.match((await ask(t, { status: 302 })).error, { message: /HTTP 302$/ }, 'no Location')
})

t.test('an error names the status of the reply, with the reason if there is one', async t => {
  for (const status of [400, 403, 404, 410, 500, 503]) {
    t.match((await ask(t, { status, body: 'oops' })).error, {
      code: 'ERR_TRACKER',
      message: `HTTP ${status}`,
    })
    const { error } = await ask(t, { status, body: { 'failure reason': 'because' } })
    t.match(error, { code: 'ERR_TRACKER_FAILURE', message: `HTTP ${status}: because` })
  }
  t.match(
    (await ask(t, { status: 500, body })).error,
    { message: /HTTP 500$/ },
    'peers of an error are not used',
  )
})

t.test('a server that never answers, or stalls in its answer, is waited for in a bounded time', async t => {
  const half = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nd5:pee'
  for (const [event, limit] of [
    [undefined, 30_000],
    ['stopped', 1_500],
  ] as const) {
    for (const script of [{ hang: true }, { raw: [half], hang: true }, { raw: ['HTTP/1.1 2'], hang: true }]) {
      const clock = new VirtualClock()
      const tracker = await scriptedTracker(t, script)
      const client = new HttpTracker(tracker.url, { userAgent: 'tsdl/0', clock })
      let ended = false
      const announced = client.announce({ ...request, ...(event && { event }) }).finally(() => (ended = true))
      announced.catch(() => {})
      await tracker.seen(1)
      await clock.advance(limit - 1)
      t.notOk(ended)
      await clock.advance(1)
      await t.rejects(announced, { code: 'ERR_TRACKER', message: `no answer within ${limit / 1000} s` })
      await tracker.idle()
      t.equal(clock.pending, 0)
    }
  }
})

t.test('the body of HTTP/1.0 and of Connection: close without a length ends with the connection', async t => {
  for (const head of ['HTTP/1.0 200 OK\r\n\r\n', 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n']) {
    t.same((await ask(t, { raw: [head, body.subarray(0, 9), body.subarray(9)] })).reply?.peers, [peer])
  }
})

t.test('a short body, a reply that is not HTTP, and a closed connection are errors', async t => {
  const short = 'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n'
  for (const raw of [
    [short, body],
    ['\x13BitTorrent protocol'],
    [],
    [`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(99_999)}`],
  ]) {
    t.match((await ask(t, { raw })).error, { code: 'ERR_TRACKER' })
  }
})

t.test('an endless body is an error at the limit', async t => {
  function* endless() {
    yield 'HTTP/1.1 200 OK\r\n\r\n'
    for (;;) yield Buffer.alloc(65_536, 'x')
  }
  const { error } = await ask(t, { raw: endless() })
  t.match(error, { code: 'ERR_TRACKER', message: /longer than 2097152 bytes/ })
})

function slices(bytes: Buffer, size: number): Buffer[] {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) parts.push(bytes.subarray(at, at + size))
  return parts
}
