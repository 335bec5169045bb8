import { createServer } from 'node:http'
import t from 'tap'
import { stream } from '../../src/pipeline/stream.ts'
import { generator } from '../helpers/feed.ts'
import { type MadeTorrent, makeTorrent } from '../helpers/metainfo.ts'
import { scriptedPeer } from '../helpers/scripted-peer.ts'
import { leavesNothing, OFFLINE_OPTIONS, run } from '../helpers/swarm.ts'
import { type WebScript, webServer } from '../helpers/web-server.ts'

const QUOTED_NAME = "abc'abc"
const single = () =>
  makeTorrent({ files: [{ path: QUOTED_NAME, length: 20 * 65536 + 77 }], pieceLength: 65536 })
const several = () =>
  makeTorrent({
    name: 'foo',
    pieceLength: 65536,
    private: true,
    files: [
      { path: `foo/${QUOTED_NAME}`, length: 100_000 },
      { path: 'foo/.pad/31072', length: 31_072, pad: true },
      { path: 'foo/d/sub/file c', length: 300_001 },
      { path: 'foo/empty', length: 0 },
      { path: 'foo/bar', length: 1 },
      { path: 'foo/d/ü%41', length: 77_777 },
    ],
  })

/** Returns the same torrent with these web seeds. */
const seededBy = (made: MadeTorrent, ...webSeeds: string[]): MadeTorrent => ({
  ...made,
  metainfo: { ...made.metainfo, webSeeds },
})

t.test('a download from a web seed alone gets the right bytes over kept connections', async t => {
  const made = single()
  const server = await webServer(t, made)
  const { torrent, file, warnings } = run(t, seededBy(made, `${server.origin}/`))
  const events: unknown[] = []
  torrent.on('webSeed', (...event) => events.push(event))
  await torrent.done
  t.same(await file(QUOTED_NAME), made.content)
  t.same(new Set(server.requests.map(({ target }) => target)), new Set(['/abc%27abc']))
  t.equal(server.requests[0]!.headers['accept-encoding'], 'identity')
  t.ok(server.requests.length < 21, 'fewer requests than pieces')
  t.ok(server.connections <= 4)
  t.match(torrent.progress, { webSeeds: 1, peers: 0, downloaded: made.content.length, wasted: 0 })
  t.same(torrent.contributionsTo(0), [{ address: `${server.origin}/`, bytes: made.content.length }])
  await torrent.close()
  t.same(events, [
    [`${server.origin}/`, 'connected'],
    [`${server.origin}/`, 'disconnected', 'no longer needed'],
  ])
  t.same(warnings, [])
})

t.test(
  'files of a directory, pieces across files, and padding files are downloaded from a web seed',
  async t => {
    const made = several()
    const server = await webServer(t, made)
    const { torrent, file, warnings } = run(t, seededBy(made, `${server.origin}/`))
    await torrent.done
    for (const { path, offset, length, pad } of made.metainfo.files) {
      if (!pad) t.same(await file(path), made.content.subarray(offset, offset + length), path)
    }
    t.same([...new Set(server.requests.map(({ target }) => target))].sort(), [
      '/foo/abc%27abc',
      '/foo/bar',
      '/foo/d/%C3%BC%2541',
      '/foo/d/sub/file%20c',
    ])
    t.same(warnings, [])
  },
)

t.test('a single file is downloaded from its own URL', async t => {
  const made = single()
  const server = await webServer(t, made)
  const refused = await webServer(t, made)
  const { torrent, file } = run(t, seededBy(made, `${refused.origin}/`), {
    webSeeds: false,
    webSeedUrls: [`${server.origin}/${QUOTED_NAME}`],
  })
  await torrent.done
  t.same(await file(QUOTED_NAME), made.content)
  t.equal(refused.requests.length, 0, 'those of the torrent are not asked')
  t.throws(() => run(t, made, { webSeedUrls: ['ftp://a.example/'] }), { code: 'ERR_USAGE' })
})

t.test('a reader gets its bytes in order from a web seed alone', async t => {
  leavesNothing(t)
  const made = single()
  const server = await webServer(t, made)
  const { metainfo } = seededBy(made, `${server.origin}/`)
  const chunks: Uint8Array[] = []
  const options = { ...OFFLINE_OPTIONS, memory: 1 << 20, start: 100_000, random: generator(1) }
  for await (const chunk of stream(metainfo, options)) chunks.push(chunk)
  t.same(Buffer.concat(chunks), made.content.subarray(100_000))
})

t.test('a web seed and a peer share the work', async t => {
  const made = single()
  const server = await webServer(t, made)
  const peer = await scriptedPeer(t, made)
  const { torrent, file } = run(t, seededBy(made, `${server.origin}/`), { peers: [peer.address] })
  await torrent.done
  t.same(await file(QUOTED_NAME), made.content)
  t.ok(peer.requests.length > 0)
  t.ok(server.requests.length > 0)
})

t.test('a server without ranges serves files that are not long', async t => {
  const made = single()
  const server = await webServer(t, made, (_, response) => response.end(made.content))
  const { torrent, file } = run(t, seededBy(made, `${server.origin}/`))
  await torrent.done
  t.same(await file(QUOTED_NAME), made.content)
})

/** Faults of servers, and the warnings about them. */
const WRONG_ANSWERS: Record<string, { script: WebScript; why: RegExp }> = {
  'not found': { script: (_, response) => response.writeHead(404).end(), why: /HTTP 404/ },
  forbidden: { script: (_, response) => response.writeHead(403).end('no'), why: /HTTP 403/ },
  'no content': { script: (_, response) => response.writeHead(204).end(), why: /HTTP 204/ },
  'a page in place of the file': {
    script: (_, response) => response.writeHead(200, { 'Content-Length': 5 }).end('sorry'),
    why: /5 bytes, expected 1310797/,
  },
  'a range that is none': {
    script: (_, response) => response.writeHead(206, { 'Content-Range': 'bytes 4-0/1310797' }).end('x'),
    why: /bytes 4-0, requested/,
  },
  'another range': {
    script: ({ range }, response) =>
      response
        .writeHead(206, { 'Content-Range': `bytes ${range![0] + 1}-${range![1] + 1}/1310797` })
        .end('x'),
    why: /, requested \d+-\d+/,
  },
  'another file': {
    script: ({ range }, response) =>
      response.writeHead(206, { 'Content-Range': `bytes ${range![0]}-${range![1]}/9` }).end('x'),
    why: /9 bytes, expected 1310797/,
  },
  'no range named': {
    script: (_, response) => response.writeHead(206).end('x'),
    why: /invalid Content-Range ""/,
  },
  compressed: {
    script: (_, response) => response.writeHead(200, { 'Content-Encoding': 'gzip' }).end('x'),
    why: /encoded as "gzip"/,
  },
  'too much': {
    script: ({ range }, response) => {
      const [first, last] = range!
      response.writeHead(206, { 'Content-Range': `bytes ${first}-${last}/1310797` })
      response.end(Buffer.concat([single().content.subarray(first, last + 1), Buffer.from('x')]))
    },
    why: /more than the \d+ bytes/,
  },
  'too little': {
    script: ({ range }, response) => {
      const [first, last] = range!
      response.writeHead(206, { 'Content-Range': `bytes ${first}-${last}/1310797` })
      response.end(single().content.subarray(first, last))
    },
    why: /ended \d+ bytes early/,
  },
  'cut off': {
    script: ({ range }, response) => {
      const [first, last] = range!
      response.writeHead(206, {
        'Content-Range': `bytes ${first}-${last}/1310797`,
        'Content-Length': last - first + 1,
      })
      response.write(Buffer.alloc(9), () => response.destroy())
    },
    why: /aborted|ended|reset/,
  },
  'hung up': { script: (_, response) => response.destroy(), why: /hang up|reset/ },
  'another protocol': {
    script: (_, response) =>
      response.socket!.end('HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'),
    why: /closed|hang up/,
  },
  'no HTTP': {
    script: (_, response) => response.socket!.end('220 welcome\r\n'),
    why: /Parse Error/,
  },
  'redirected in a circle': {
    script: (_, response) => response.writeHead(302, { Location: '/again' }).end(),
    why: /more than 5 redirects/,
  },
  'redirected to another protocol': {
    script: (_, response) => response.writeHead(302, { Location: 'ftp://a.example/x' }).end(),
    why: /redirected to an unsupported URL: "ftp/,
  },
  'redirected nowhere': { script: (_, response) => response.writeHead(302).end(), why: /HTTP 302/ },
  busy: {
    script: (_, response) => response.writeHead(503, { 'Retry-After': '99' }).end('wait'),
    why: /HTTP 503/,
  },
  'wrong bytes': {
    script: ({ serve }) => serve(bytes => bytes.fill(0)),
    why: /banned for wrong bytes/,
  },
}
for (const [name, { script, why }] of Object.entries(WRONG_ANSWERS)) {
  t.test(`${name}: a peer sends what the web seed does not`, async t => {
    const made = single()
    const server = await webServer(t, made, script)
    let warned = () => {}
    const warning = new Promise<void>(resolve => {
      warned = resolve
    })
    const peer = await scriptedPeer(t, made, {
      interested: wire => void warning.then(() => wire.send({ type: 'unchoke' })),
    })
    const { torrent, file, warnings } = run(t, seededBy(made, `${server.origin}/`), { peers: [peer.address] })
    torrent.on('warning', warned)
    await torrent.done
    t.same(await file(QUOTED_NAME), made.content)
    t.match(warnings[0], why)
    t.match(warnings[0], `web seed ${server.origin}/`)
    t.equal(torrent.progress.webSeeds, 0)
  })
}

t.test('a missing file affects no other file', async t => {
  const made = several()
  const server = await webServer(t, made, ({ target, serve }, response) =>
    target.endsWith('/bar') ? response.writeHead(404).end() : serve(),
  )
  const peer = await scriptedPeer(t, made, { has: index => index >= 6 })
  const { torrent, file } = run(t, seededBy(made, `${server.origin}/`), { peers: [peer.address] })
  await torrent.done
  t.same(await file('foo/d/sub/file c'), made.content.subarray(131_072, 431_073))
  t.same(await file('foo/bar'), made.content.subarray(431_073, 431_074))
  t.equal(server.requests.filter(({ target }) => target.endsWith('/bar')).length <= 4, true)
})

t.test('redirects are followed and remembered; credentials are sent only to their origin', async t => {
  const made = makeTorrent({
    name: 'foo',
    pieceLength: 65536,
    files: [
      { path: 'foo/a', length: 2_000_000 },
      { path: 'foo/b c', length: 1_000_001 },
    ],
  })
  const mirror = await webServer(t, made)
  const server = await webServer(t, made, ({ target }, response) =>
    response.writeHead(302, { Location: `${mirror.origin}${target}` }).end(),
  )
  const url = server.origin.replace('//', '//me:secret@')
  const { torrent, file } = run(t, seededBy(made, `${url}/`))
  const names: string[] = []
  torrent.on('webSeed', name => names.push(name))
  await torrent.done
  t.same(await file('foo/b c'), made.content.subarray(2_000_000))
  t.same(names, [`${server.origin}/`], 'no credentials in names')
  const basic = `Basic ${Buffer.from('me:secret').toString('base64')}`
  t.ok(server.requests.every(({ headers }) => headers.authorization === basic))
  t.ok(mirror.requests.every(({ headers }) => headers.authorization === undefined))
  t.ok(server.requests.length < mirror.requests.length)
})

t.test('a torrent cannot make us send a query to an address on our network', async t => {
  const made = single()
  const asked: string[] = []
  const server = createServer(({ url = '' }, response) => {
    asked.push(url)
    response.end(made.content)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise(resolve => server.close(resolve)))
  const { port } = server.address() as { port: number }
  for (const host of ['127.0.0.1', 'localhost']) {
    const url = `http://${host}:${port}/set?x=/`
    const { torrent, warnings } = run(t, seededBy(made, url))
    await new Promise(resolve => torrent.once('warning', resolve))
    t.match(warnings, [/web seed http.*\/set: .* is not allowed for this request/])
    t.match(torrent.reason, /the only web seed cannot be used \(.*is not allowed/)
    await torrent.close()
  }
  t.same(asked, [])
  const { torrent } = run(t, made, { webSeedUrls: [`http://127.0.0.1:${port}/set?x=/`] })
  await torrent.done
  t.ok(asked.length > 0, 'but when the user says so')
})
