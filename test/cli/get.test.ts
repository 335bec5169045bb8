import { createHash, randomBytes } from 'node:crypto'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { formatAddress, parseAddress } from '../../src/codec/compact.ts'
import { eventsOf, offer, tsdl } from '../helpers/cli.ts'

const MANY_FILES = { 'a.txt': 50_000, 'sub/b.bin': 20_000, 'sub/empty': 0, 'sub/c.bin': 40_001, last: 0 }

t.test('demo --page: the complete download stays on the page until a signal', async t => {
  const cwd = t.testdir()
  const { code } = await tsdl(['demo', '--size', '1M', '--seeds', '1', '-o', '.', '--page', '--json'], {
    cwd,
    started: child => {
      let text = ''
      child.stderr!.on('data', chunk => {
        text += chunk
        if (!child.killed && /"event":"progress".*"verified":1048576/.test(text)) child.kill('SIGINT')
      })
    },
  })
  t.equal(code, 130)
})

t.test('demo: a fresh machine gets the right bytes', async t => {
  const { code, stdout, lines } = await tsdl(['demo', '--size', '1M', '--seeds', '2'])
  t.equal(code, 0)
  t.equal(stdout.length, 1 << 20)
  const digest = createHash('sha256').update(stdout).digest('hex')
  t.equal(lines.at(-1), `sha256 ${digest}  tsdl-demo.bin`)
})

t.test('a pipe as standard output gets the bytes and nothing else', async t => {
  const { path, bytes } = await offer(t)
  for (const args of [[path], ['get', path, '-o', '-', '--memory', '64K']]) {
    const { code, stdout, stderr } = await tsdl(args)
    t.equal(code, 0, stderr)
    t.ok(stdout.equals(bytes))
  }
})

t.test('progress is reported during a download to standard output', async t => {
  const { path, bytes } = await offer(t)
  const run = await tsdl([path, '--json', '--down', '60K'])
  t.equal(run.code, 0, run.stderr)
  const all = eventsOf(run).filter(({ event }) => event === 'progress')
  // on a busy machine the first second may pass before the peer is connected
  const reports = all.filter(({ verified }) => verified > 0)
  t.match(reports[0], { total: bytes.length, peers: 1 }, `${all.length} reports of progress`)
  // the limit is `reader` at times, when the reader has just received a piece
  t.ok(reports.some(({ limit }) => limit === 'network'))
  t.ok(reports[0].verified < bytes.length)
})

t.test('a file as standard output gets all bytes', async t => {
  const { path, bytes } = await offer(t)
  const out = join(t.testdirName, 'out')
  const fd = openSync(out, 'w')
  const { code } = await tsdl([path], { stdout: fd })
  closeSync(fd)
  t.equal(code, 0)
  t.ok(readFileSync(out).equals(bytes))
})

t.test('-q: a successful download prints nothing', async t => {
  const { path, bytes } = await offer(t)
  const { code, stdout, stderr } = await tsdl([path, '-q'])
  t.strictSame([code, stderr], [0, ''])
  t.ok(stdout.equals(bytes))
})

t.test('a second download to a directory verifies the files and downloads nothing', async t => {
  const { path, bytes } = await offer(t)
  const dir = join(t.testdirName, 'out')
  const first = await tsdl([path, '-o', dir, '--json'])
  t.equal(first.code, 0, first.stderr)
  t.equal(first.stdout.length, 0)
  t.ok(readFileSync(join(dir, 'content.bin')).equals(bytes))
  t.match(eventsOf(first).at(-1), { event: 'done', verified: bytes.length, downloaded: bytes.length })
  const again = await tsdl([path, '-o', dir, '--json'])
  t.equal(again.code, 0)
  t.match(eventsOf(again).at(-1), { event: 'done', verified: bytes.length, downloaded: 0, wasted: 0 })
})

t.test('a torrent of many files is saved to a directory, with its empty files', async t => {
  const { path, metainfo, file } = await offer(t, { files: MANY_FILES, name: 'many' })
  const dir = join(t.testdirName, 'out')
  const { code, stderr } = await tsdl([path, '-o', dir, '--sequential'])
  t.equal(code, 0, stderr)
  for (const [index, { path, length }] of metainfo.files.entries()) {
    t.equal(statSync(join(dir, path)).size, length)
    t.ok(readFileSync(join(dir, path)).equals(file(index)), path)
  }
})

t.test('--file writes one of many files to standard output', async t => {
  const { path, file } = await offer(t, { files: MANY_FILES, name: 'many' })
  for (const [want, index] of [
    ['1', 1],
    ['sub/c*', 3],
    ['last', 4],
  ] as const) {
    const { code, stdout, stderr } = await tsdl([path, '--file', want])
    t.equal(code, 0, stderr)
    t.ok(stdout.equals(file(index)), want)
  }
})

t.test('--file creates no other file in a directory', async t => {
  const { path, file } = await offer(t, { files: MANY_FILES, name: 'many' })
  const dir = join(t.testdirName, 'out')
  const { code } = await tsdl([path, '-o', dir, '--file', '*.bin', '--json'])
  t.equal(code, 0)
  t.strictSame(readdirSync(join(dir, 'many')), ['sub'])
  t.strictSame(readdirSync(join(dir, 'many/sub')).sort(), ['b.bin', 'c.bin'])
  t.ok(readFileSync(join(dir, 'many/sub/b.bin')).equals(file(1)))
})

t.test('--json writes events to standard error, metadata first and done last', async t => {
  const { path, bytes, metainfo } = await offer(t, { files: MANY_FILES, name: 'many' })
  const ran = await tsdl([path, '-o', join(t.testdirName, 'out'), '--json', '--file', 'a.txt'])
  const events = eventsOf(ran)
  t.equal(ran.stdout.length, 0)
  t.match(events[0], {
    event: 'metadata',
    name: 'many',
    infoHash: metainfo.infoHash.toString('hex'),
    infoHashV2: null,
    length: bytes.length,
    pieceLength: 16_384,
    pieces: metainfo.pieceCount,
  })
  t.strictSame(events[0].files[0], { path: 'many/a.txt', length: 50_000, offset: 0, selected: true })
  t.equal(events[0].files[1].selected, false)
  t.match(
    events.find(({ event }) => event === 'peer'),
    { address: String, client: String, state: 'connected' },
  )
  const done = events.at(-1)
  t.match(done, { event: 'done', verified: 65_536, elapsed: Number, uploaded: 0, wasted: 0, digests: {} })
  t.equal(done.downloaded, 65_536)
  for (const event of events) t.type(event.time, 'number')
})

t.test('SOURCE is read from standard input and from a web server', async t => {
  const { torrent, bytes } = await offer(t)
  const server = createServer((request, response) => {
    if (request.url === '/x.torrent') response.end(torrent)
    else response.writeHead(404).end('no')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const [piped, fetched, missing] = await Promise.all([
    tsdl(['-'], { stdin: torrent }),
    tsdl([`${origin}/x.torrent`]),
    tsdl([`${origin}/y.torrent`]),
  ])
  t.equal(piped.code, 0)
  t.ok(piped.stdout.equals(bytes))
  t.equal(fetched.code, 0)
  t.ok(fetched.stdout.equals(bytes))
  t.equal(missing.code, 2)
  t.strictSame(missing.lines, [`tsdl: cannot read ${origin}/y.torrent: HTTP status 404`])
})

t.test('--peer works without a tracker; the failed tracker is a warning', async t => {
  const { path, peer, bytes } = await offer(t, { trackers: [['http://127.0.0.1:1/announce']] })
  const { code, stdout, lines } = await tsdl([path, '--peer', peer])
  t.equal(code, 0)
  t.ok(stdout.equals(bytes))
  t.match(lines[0], /^tsdl: warning: tracker .*connection refused/)
})

t.test('--no-tracker contacts no tracker', async t => {
  const { path } = await offer(t)
  const { code, lines } = await tsdl([path, '--no-tracker', '--timeout', '500ms'])
  t.equal(code, 3)
  t.match(lines, [/no tracker is asked/])
  t.notOk(existsSync(join(t.testdirName, 'content.bin')))
})

t.test('one node of the DHT is enough to find the seed', async t => {
  const { Dht } = await import('../../src/dht/dht.ts')
  const { path, peer, bytes, metainfo } = await offer(t, { trackers: [] })
  const first = await new Dht({ bind: '127.0.0.1', bootstrap: [] }).start()
  const node = { host: '127.0.0.1', port: first.port()! }
  const other = await new Dht({ bind: '127.0.0.1', bootstrap: [node] }).start()
  t.teardown(() => Promise.all([first.close(), other.close()]))
  const announce = { port: parseAddress(peer).port }
  const { announced } = await other.lookup(metainfo.infoHash, { announce, found: () => {} })
  t.equal(announced, 1)
  const where = ['--bind', '127.0.0.1', '--dht-node', formatAddress(node)]
  const { code, stdout, stderr } = await tsdl([path, '-o', '-', '--timeout', '20s', ...where])
  t.equal(code, 0, stderr)
  t.same(stdout, bytes)
})

t.test('--reuse: files on disk are copied, and no peer is needed', async t => {
  const content = randomBytes(100_000)
  const dir = t.testdir({ other: { 'any name': content }, 'a.bin': content })
  const torrent = join(dir, 'a.torrent')
  t.equal((await tsdl(['create', join(dir, 'a.bin'), '-o', torrent, '--format', 'v2', '-q'])).code, 0)
  const reuse = ['--reuse', join(dir, 'other')]
  const { code, stderr } = await tsdl([torrent, '-o', join(dir, 'out'), ...reuse, '--no-dht'])
  t.equal(code, 0, stderr)
  t.match(stderr, /^saved \S+a\.bin: 97\.7 KiB verified in .*; 97\.7 KiB reused$/m)
  t.same(readFileSync(join(dir, 'out', 'a.bin')), content)
  const missing = await tsdl([torrent, '-o', join(dir, 'more'), '--reuse', join(dir, 'none'), '-q'])
  t.equal(missing.code, 2)
  t.match(missing.stderr, /none: the directory for files to reuse cannot be read/)
})
