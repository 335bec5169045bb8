import { execFileSync } from 'node:child_process'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { AnnounceRequest } from '../../src/discovery/announce-request.ts'
import { HttpTracker } from '../../src/discovery/http-tracker.ts'
import { DiscoveryError } from '../../src/errors.ts'
import { systemClock } from '../../src/ports/clock.ts'
import type { HttpOpen } from '../../src/ports/http-client.ts'
import { peersBody, percentDecode, scriptedTracker } from '../helpers/tracker.ts'

const peer = { host: '10.0.0.1', port: 6881 }
const request: AnnounceRequest = {
  infoHash: Buffer.from('2b760aa1207030405060708090a0b0c0d0e0f0ff', 'hex'),
  peerId: Buffer.from('-TS0100-abcdefghijkl'),
  port: 6881,
  uploaded: 1,
  downloaded: 2,
  left: 3,
  numwant: 50,
  key: 0xbeef,
}
const open = (url: string, http?: HttpOpen) =>
  new HttpTracker(url, { userAgent: 'tsdl/1.2.3', ...(http && { open: http }) })
const ok = (t: Test) => scriptedTracker(t, { body: peersBody([peer]) })

t.test('info_hash and peer_id decode to the exact 20 bytes for all 256 byte values', async t => {
  const tracker = await ok(t)
  const client = open(tracker.url)
  for (let first = 0; first < 256; first += 20) {
    const infoHash = Buffer.from(Array.from({ length: 20 }, (_, i) => (first + i) & 255))
    const peerId = Buffer.from(infoHash).reverse()
    await client.announce({ ...request, infoHash, peerId })
    const { params, target } = tracker.announces.at(-1)!
    t.same(params.info_hash, infoHash)
    t.same(params.peer_id, peerId)
    t.notMatch(target, /\+/)
  }
})

t.test('a space byte is encoded as %20', async t => {
  const tracker = await ok(t)
  await open(tracker.url).announce(request)
  t.match(tracker.announces[0]!.target, 'info_hash=%2Bv%0A%A1%20p0%40P%60p%80')
})

t.test('an announce has all parameters of the request', async t => {
  const tracker = await ok(t)
  const reply = await open(tracker.url).announce({
    ...request,
    event: 'started',
    trackerId: Buffer.from('a b&c'),
  })
  t.same(reply.peers, [peer])
  const { params, path } = tracker.announces[0]!
  t.equal(path, '/announce')
  t.same(
    Object.fromEntries(Object.entries(params).map(([name, value]) => [name, value.toString('latin1')])),
    {
      info_hash: Buffer.from(request.infoHash).toString('latin1'),
      peer_id: '-TS0100-abcdefghijkl',
      port: '6881',
      uploaded: '1',
      downloaded: '2',
      left: '3',
      compact: '1',
      numwant: '50',
      key: '0000BEEF',
      event: 'started',
      trackerid: 'a b&c',
    },
  )
  await open(tracker.url).announce(request)
  t.notOk('event' in tracker.announces[1]!.params)
  t.notOk('trackerid' in tracker.announces[1]!.params)
})

t.test('an existing query is kept', async t => {
  const tracker = await ok(t)
  for (const [query, kept] of [
    ['?passkey=x', '?passkey=x&info_hash='],
    ['?passkey=x&', '?passkey=x&info_hash='],
    ['?', '?info_hash='],
    ['?a=%20b%2B', '?a=%20b%2B&info_hash='],
  ] as const) {
    await open(tracker.url + query).announce(request)
    const { target } = tracker.announces.at(-1)!
    t.ok(target.startsWith(`/announce${kept}`), target)
    t.equal(target.split('?').length, 2, 'only one ?')
  }
})

t.test('a URL without a path requests /', async t => {
  const tracker = await ok(t)
  await open(tracker.origin).announce(request)
  t.equal(tracker.announces[0]!.path, '/')
})

t.test('an announce has User-Agent and Host', async t => {
  const tracker = await ok(t)
  await open(tracker.url).announce(request)
  t.equal(tracker.announces[0]!.headers['user-agent'], 'tsdl/1.2.3')
  t.equal(`http://${tracker.announces[0]!.headers.host}`, tracker.origin)
})

t.test('credentials are sent as Basic authentication, and no message has them', async t => {
  const tracker = await scriptedTracker(t, { body: { 'failure reason': 'no' } })
  const { host } = new URL(tracker.url)
  const error = await open(`http://us%20er:p%40w:@${host}/announce`)
    .announce(request)
    .catch(error => error)
  const { headers } = tracker.announces[0]!
  t.equal(headers.authorization, `Basic ${Buffer.from('us er:p@w:').toString('base64')}`)
  t.equal(headers.host, host)
  t.notMatch(error.message, /us|p%40w|p@w/)
  await open(`http://us%er@${host}/announce`)
    .announce(request)
    .catch(() => {})
  t.equal(tracker.announces[1]!.headers.authorization, `Basic ${Buffer.from('us%er:').toString('base64')}`)
})

t.test('errors name the tracker and the reason, in printable text', async t => {
  const tracker = await scriptedTracker(
    t,
    (_, n) =>
      [
        { body: { 'failure reason': 'unregistered\x1b[31m torrent', interval: 900 } },
        { status: 404, body: '<html>' },
        { status: 410, body: { 'failure reason': 'torrent was deleted' } },
        { body: '<html>hello</html>' },
        { body: '' },
        { body: 'le' },
      ].at(n)!,
  )
  const fails = async (code: string, message: RegExp, more = {}) => {
    const error = await open(`${tracker.url}?passkey=secret`)
      .announce(request)
      .catch(error => error)
    t.type(error, DiscoveryError)
    t.match(error, { name: 'DiscoveryError', code, message, ...more })
    t.ok(error.message.startsWith(`tracker ${tracker.url}: `), error.message)
    t.notMatch(error.message, /secret|\p{Cc}/u)
  }
  await fails('ERR_TRACKER_FAILURE', /unregistered \[31m torrent$/, { retryIn: 900 })
  await fails('ERR_TRACKER', /: HTTP 404$/)
  await fails('ERR_TRACKER_FAILURE', /: HTTP 410: torrent was deleted$/)
  await fails('ERR_TRACKER', /invalid reply: .*bencod/)
  await fails('ERR_TRACKER', /invalid reply: the reply is empty/)
  await fails('ERR_TRACKER', /invalid reply: the reply is not a dictionary/)
})

t.test('a refused connection and an unknown host are errors that say so', async t => {
  const tracker = await ok(t)
  await tracker.close()
  await t.rejects(open(tracker.url).announce(request), {
    code: 'ERR_TRACKER',
    message: /: connection refused$/,
  })
  const missing = Object.assign(new Error('getaddrinfo ENOTFOUND x'), { code: 'ENOTFOUND' })
  const lost = open('http://tracker.invalid/a', async () => {
    throw missing
  })
  await t.rejects(lost.announce(request), { code: 'ERR_TRACKER', message: /: no such host$/, cause: missing })
})

t.test('a URL with an IPv6 literal connects to that address', async t => {
  const tracker = await scriptedTracker(undefined, { body: peersBody([peer]) }, '::1').catch(() => undefined)
  if (!tracker) return t.pass('no IPv6 here')
  t.teardown(tracker.close)
  t.same((await open(tracker.url).announce(request)).peers, [peer])
  t.equal(`http://${tracker.announces[0]!.headers.host}`, tracker.origin)
})

t.test('https to a server without TLS is an error that says so', async t => {
  const tracker = await ok(t)
  await t.rejects(open(tracker.url.replace('http:', 'https:')).announce(request), { code: 'ERR_TRACKER' })
  await tracker.idle()
})

t.test('https to a server with an invalid certificate is an error that says so', async t => {
  let pem: string
  try {
    const args =
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout - -subj /CN=localhost -days 1'
    pem = execFileSync('openssl', args.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return t.pass('no openssl here')
  }
  const server = https.createServer({ key: pem, cert: pem }, (_, response) => response.end('d5:peers0:e'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const error = await open(`https://127.0.0.1:${port}/announce`)
    .announce(request)
    .catch(error => error)
  t.match(error, { code: 'ERR_TRACKER', message: /self.signed certificate/ })
})

t.test('an announce that is aborted ends at once, with its socket', async t => {
  const tracker = await scriptedTracker(t, { hang: true })
  const control = new AbortController()
  const announced = open(tracker.url).announce(request, control)
  await tracker.seen(1)
  control.abort()
  await t.rejects(announced, { code: 'ERR_ABORTED' })
  await tracker.idle()
  await t.rejects(open(tracker.url).announce(request, control), { code: 'ERR_ABORTED' })
  t.equal(tracker.announces.length, 1)
})

t.test('no timer outlives an announce', async t => {
  const tracker = await ok(t)
  let waiting = 0
  const clock = {
    now: systemClock.now,
    setTimeout: () => ({ id: ++waiting }),
    clearTimeout: () => void waiting--,
  }
  await new HttpTracker(tracker.url, { userAgent: 'x', clock }).announce(request)
  t.equal(waiting, 0)
  await tracker.idle()
})

t.test('percentDecode of the helper keeps plus signs', async t => {
  t.same(percentDecode('%2B+%20a'), Buffer.from('++ a'))
})
