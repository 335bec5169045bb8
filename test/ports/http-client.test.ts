/** No URL of a torrent, a link, a tracker or a redirect can send a command to a server of the local network. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { HttpTracker } from '../../src/discovery/http-tracker.ts'
import type { Purpose, Trust } from '../../src/ports/address-policy.ts'
import { readBody } from '../../src/ports/http-body.ts'
import { type DnsLookup, HttpClient, type HttpOpen } from '../../src/ports/http-client.ts'
import { follow, targetOf } from '../../src/ports/http-follow.ts'

/** Starts a server on loopback that records its requests. */
async function server(
  t: Test,
  answer: RequestListener = (_, response) => response.end('ok'),
  host = '127.0.0.1',
) {
  const asked: string[] = []
  const inner = createServer((request, response) => {
    asked.push(request.url!)
    answer(request, response)
  })
  inner.listen(0, host)
  await once(inner, 'listening')
  t.teardown(() => {
    inner.closeAllConnections()
    inner.close()
  })
  return { asked, port: (inner.address() as AddressInfo).port }
}

/** Creates a resolver that returns these addresses for every name. */
const resolves = (...addresses: string[]) =>
  ((_: string, options: { all?: boolean; family?: number }, found: (...args: unknown[]) => void) => {
    const both = addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 }))
    const all = both.filter(({ family }) => (options.family || family) === family)
    if (options.all) found(null, all)
    else found(null, all[0]!.address, all[0]!.family)
  }) as unknown as DnsLookup

/** Answers like a server of the public Internet that redirects. */
const publicRedirect =
  (location: string, then: HttpOpen): HttpOpen =>
  async (url, options) => {
    if (url.hostname !== 'public.example') return then(url, options)
    const body = Object.assign((async function* () {})(), { destroy() {} })
    return { status: 302, headers: { location }, body, address: '8.8.8.8' }
  }

function get(url: string, purpose: Purpose, trust: Trust, open: HttpOpen) {
  const signal = AbortSignal.timeout(10_000)
  return follow(open, targetOf(new URL(url), purpose, trust), { headers: {}, signal, purpose, trust })
}

const ORDER_PATH = '/admin/delete?all=1'

t.test('an internal server gets no command, in any spelling of its address', async t => {
  const { asked, port } = await server(t)
  for (const keepAlive of [false, true]) {
    const client = new HttpClient({ keepAlive })
    for (const host of ['127.0.0.1', 'localhost', '127.1', '0x7f.0.0.1', '2130706433', '[::ffff:127.0.0.1]'])
      for (const purpose of ['tracker', 'web-seed', 'torrent'] as const)
        await t.rejects(
          get(`http://${host}:${port}${ORDER_PATH}`, purpose, 'remote', client.open),
          /is not allowed for this request/,
          `${purpose} ${host}`,
        )
    client.close()
  }
  t.same(asked, [])
})

t.test('a host name is judged by its address', async t => {
  const { asked, port } = await server(t)
  const client = new HttpClient({ lookup: resolves('127.0.0.1') })
  const url = `http://innocent.example:${port}${ORDER_PATH}`
  for (const purpose of ['tracker', 'web-seed', 'torrent'] as const)
    await t.rejects(get(url, purpose, 'remote', client.open), /innocent.example, 127.0.0.1, .*is not allowed/)
  t.same(asked, [])
  await get(url, 'web-seed', 'user', client.open)
  await get(url, 'web-seed', 'all', client.open)
  t.same(asked, [ORDER_PATH, ORDER_PATH], 'the user may')
})

t.test('only the allowed addresses of a host name are connected to', async t => {
  const { asked, port } = await server(t)
  const client = new HttpClient({ lookup: resolves('169.254.169.254', '127.0.0.1') })
  const { reply } = await get(`http://two.example:${port}/announce`, 'tracker', 'remote', client.open)
  t.equal(reply.address, '127.0.0.1')
  t.same(asked, ['/announce'])
})

t.test(
  'a connection that is kept for local requests is not used for those that may not be local',
  async t => {
    const { asked, port } = await server(t)
    const client = new HttpClient({ keepAlive: true, lookup: resolves('127.0.0.1') })
    const { reply } = await get(`http://name.example:${port}/file`, 'web-seed', 'remote', client.open)
    await readBody(reply, 10)
    await t.rejects(
      get(`http://name.example:${port}/file?x`, 'web-seed', 'remote', client.open),
      /is not allowed/,
    )
    client.close()
    t.same(asked, ['/file'])
  },
)

t.test(
  'a redirect from the public Internet does not lead to this machine, whatever the origin of the URL',
  async t => {
    const { asked, port } = await server(t)
    for (const path of [ORDER_PATH, '/announce', '/a.torrent', '/']) {
      const open = publicRedirect(`http://127.0.0.1:${port}${path}`, new HttpClient().open)
      for (const purpose of ['tracker', 'web-seed', 'torrent'] as const)
        for (const trust of ['remote', 'user'] as const)
          await t.rejects(get('http://public.example/announce', purpose, trust, open), /is not allowed/)
    }
    t.same(asked, [])
    const open = publicRedirect(`http://127.0.0.1:${port}/x?y`, new HttpClient().open)
    await get('http://public.example/x', 'torrent', 'all', open)
    t.same(asked, ['/x?y'], 'unless it is allowed')
  },
)

t.test('a local server may redirect a local request to a request of its kind only', async t => {
  const { asked, port } = await server(t, ({ url }, response) => {
    if (url === '/announce') response.writeHead(302, { Location: ORDER_PATH }).end()
    else response.end('ok')
  })
  const open = new HttpClient().open
  await t.rejects(get(`http://127.0.0.1:${port}/announce`, 'tracker', 'remote', open), /is not allowed/)
  t.same(asked, ['/announce'])
})

t.test('a tracker of the public Internet that redirects announces to this machine is a failure', async t => {
  const { asked, port } = await server(t)
  const open = publicRedirect(`http://127.0.0.1:${port}${ORDER_PATH}`, new HttpClient().open)
  const tracker = new HttpTracker('http://public.example/announce', { userAgent: 'x', trust: 'remote', open })
  const request = { infoHash: Buffer.alloc(20), peerId: Buffer.alloc(20), port: 1, key: 1 }
  const counts = { uploaded: 0, downloaded: 0, left: 0, numwant: 1 }
  await t.rejects(tracker.announce({ ...request, ...counts }), {
    code: 'ERR_TRACKER',
    message: /is not allowed/,
  })
  t.same(asked, [])
})

t.test('a body is decoded, and its size is bounded before and after decoding', async t => {
  const packed = gzipSync(Buffer.alloc(100_000))
  const { port } = await server(t, (_, response) =>
    response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(packed),
  )
  const ask = async (most: number) => {
    const { reply } = await get(`http://127.0.0.1:${port}/`, 'torrent', 'user', new HttpClient().open)
    return readBody(reply, most)
  }
  t.equal((await ask(100_000)).length, 100_000)
  await t.rejects(ask(99_999), /inflates to more than 99999 bytes/)
  await t.rejects(ask(10), /longer than 10 bytes/)
})

t.test('a signal ends a request, before and within the body', async t => {
  const { port } = await server(t, ({ url }, response) => {
    if (url === '/body') response.writeHead(200).write('x')
  })
  const open = new HttpClient().open
  const control = new AbortController()
  const never = open(new URL(`http://127.0.0.1:${port}/`), {
    headers: {},
    signal: control.signal,
    allowedScope: 'any',
  })
  control.abort(new Error('enough'))
  await t.rejects(never, /enough/)
  const other = new AbortController()
  const reply = await open(new URL(`http://127.0.0.1:${port}/body`), {
    headers: {},
    signal: other.signal,
    allowedScope: 'any',
  })
  const body = readBody(reply, 10)
  other.abort()
  await t.rejects(body)
})

t.test(
  'with one address family, a name of both leads to that one, and no other address is requested',
  async t => {
    const lookup = resolves('::1', '127.0.0.1')
    for (const [family, host, other] of [
      [4, '127.0.0.1', '[::1]'],
      [6, '::1', '127.0.0.1'],
    ] as const) {
      for (const keepAlive of [false, true]) {
        // the only server is of that family, and then of the other one
        const one = await server(t, undefined, host)
        const wrong = await server(t, undefined, other.replace(/[[\]]/g, ''))
        const client = new HttpClient({ family, keepAlive, lookup })
        const { reply } = await get(`http://both.example:${one.port}/`, 'torrent', 'user', client.open)
        t.equal(reply.address, host)
        reply.body.destroy()
        const refused = get(`http://both.example:${wrong.port}/`, 'torrent', 'user', client.open)
        await t.rejects(refused, { code: 'ECONNREFUSED' })
        const literal = `http://${other}:${wrong.port}/`
        const message = new RegExp(`is not an IPv${family} address`)
        await t.rejects(get(literal, 'torrent', 'user', client.open), { message })
        const redirecting = await server(
          t,
          (_, response) => response.writeHead(302, { location: literal }).end(),
          host,
        )
        const from = `http://both.example:${redirecting.port}/`
        await t.rejects(get(from, 'torrent', 'user', client.open), { message })
        t.strictSame(wrong.asked, [])
        client.close()
      }
    }
  },
)
