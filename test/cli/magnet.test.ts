import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse } from '../../src/index.ts'
import { eventsOf, offer, type PeerPieces, tsdl } from '../helpers/cli.ts'

t.jobs = 2

const hashOf = ({ metainfo }: PeerPieces) => metainfo.infoHash.toString('hex')
const linkOf = (offered: PeerPieces, rest = '') => `magnet:?xt=urn:btih:${hashOf(offered)}${rest}`
const trackerOf = ({ metainfo }: PeerPieces) => `&tr=${encodeURIComponent(metainfo.trackers[0]![0]!)}`
/** Options of commands to which the helper does not add them, so that they contact only this machine. */
const ALONE_COMMAND = ['--no-dht', '--no-lsd']

t.test('a magnet link alone is enough to download to standard output', async t => {
  const offered = await offer(t)
  const ran = await tsdl([linkOf(offered, `${trackerOf(offered)}&dn=another`), '--json'])
  t.equal(ran.code, 0, ran.stderr)
  t.ok(ran.stdout.equals(offered.bytes))
  // on a slow machine its progress may come before
  const first = eventsOf(ran).find(({ event }) => event !== 'fetching')
  t.match(first, { event: 'metadata', name: 'content.bin', infoHash: hashOf(offered) })
})

t.test('an info-hash with --peer is enough, and so is a link that names a peer', async t => {
  const offered = await offer(t)
  for (const args of [
    [hashOf(offered), '--peer', offered.peer],
    [linkOf(offered, `&x.pe=${offered.peer}`)],
  ]) {
    const ran = await tsdl([...args, '-q'])
    t.equal(ran.code, 0, ran.stderr)
    t.ok(ran.stdout.equals(offered.bytes))
    t.equal(ran.stderr, '')
  }
})

t.test('a link selects files (BEP 53), and --file overrides it', async t => {
  const offered = await offer(t, { name: 'dir', files: { a: 20_000, b: 30_000, c: 40_000 } })
  const link = linkOf(offered, `&x.pe=${offered.peer}`)
  const one = await tsdl([`${link}&so=1`, '-q'])
  t.ok(one.stdout.equals(offered.file(1)), one.stderr)
  const other = await tsdl([`${link}&so=1`, '--file', 'c', '-q'])
  t.ok(other.stdout.equals(offered.file(2)), other.stderr)
  const none = await tsdl([`${link}&so=3-9`])
  t.equal(none.code, 2)
  t.match(none.stderr, /so: the link selects none of the 3 files/)
})

t.test('--json reports a peer that gave the metadata as connected, once, after the metadata', async t => {
  const offered = await offer(t)
  const events = eventsOf(await tsdl([linkOf(offered, `&x.pe=${offered.peer}`), '--json']))
  const names = events.map(({ event, state }) => state ?? event)
  t.equal(events.filter(({ state }) => state === 'connected').length, 1)
  t.match(
    events.find(({ event }) => event === 'peer'),
    { address: offered.peer, client: /tsdl/, state: 'connected' },
  )
  t.ok(names.indexOf('metadata') < names.indexOf('connected'), names.join())
})

t.test('info fetches the metadata, shows it, and writes it as a .torrent', async t => {
  const offered = await offer(t)
  const out = join(t.testdirName, 'fetched.torrent')
  const ran = await tsdl(['info', linkOf(offered, trackerOf(offered)), ...ALONE_COMMAND, '--json', '-o', out])
  t.equal(ran.code, 0, ran.stderr)
  t.match(JSON.parse(`${ran.stdout}`), { infoHash: hashOf(offered), trackers: offered.metainfo.trackers })
  t.strictSame(parse(readFileSync(out)), { ...offered.metainfo })
  const piped = await tsdl(['info', offered.path, '-o', '-'])
  t.strictSame(parse(piped.stdout).infoHash, offered.metainfo.infoHash, 'and for - to standard output alone')
})

t.test('offline, a link is answered from the link alone', async t => {
  const hex = 'ab'.repeat(20)
  const link = `magnet:?xt=urn:btih:${hex}&dn=n&tr=http://127.0.0.1:9/&ws=http://127.0.0.1:9/w&x.pe=127.0.0.1:9&so=0,2-3`
  const { code, stdout } = await tsdl(['info', link, '--offline', '--json'])
  t.equal(code, 0)
  t.strictSame(JSON.parse(`${stdout}`), {
    infoHash: hex,
    infoHashV2: null,
    name: 'n',
    trackers: [['http://127.0.0.1:9/']],
    webSeeds: ['http://127.0.0.1:9/w'],
    peers: ['127.0.0.1:9'],
    selectOnly: [0, 2, 3],
    magnet: `magnet:?xt=urn:btih:${hex}&dn=n&tr=http%3A%2F%2F127.0.0.1%3A9%2F&ws=http%3A%2F%2F127.0.0.1%3A9%2Fw&x.pe=127.0.0.1:9&so=0,2,3`,
  })
  const text = await tsdl(['info', 'cd'.repeat(32), '--offline'])
  t.equal(`${text.stdout}`, `v2         ${'cd'.repeat(32)}\n`)
})

t.test('verify accepts a link', async t => {
  const offered = await offer(t)
  const path = join(t.testdirName, 'content.bin')
  writeFileSync(path, offered.bytes)
  const { code, stderr } = await tsdl(['verify', linkOf(offered, trackerOf(offered)), path, ...ALONE_COMMAND])
  t.equal(code, 0, stderr)
})

t.test('an invalid link is rejected with its value, before a peer is contacted', async t => {
  for (const [source, message] of [
    ['magnet:?xt=urn:btih:123', /got "123"/],
    ['magnet:?xt=urn:btmh:1220abc', /got "1220abc"/],
  ] as const) {
    const { code, stderr } = await tsdl([source, '-o', '-'])
    t.equal(code, 2)
    t.match(stderr, message)
  }
})

t.test('without peers the wait for the metadata ends with the reason', async t => {
  const hash = 'ab'.repeat(20)
  const alone = await tsdl([hash, '--timeout', '300ms', '-o', '-'])
  t.equal(alone.code, 3)
  t.match(
    alone.stderr,
    /no metadata for (ab){20}: no peers are known, and no tracker is asked; nothing received for 0.3 s/,
  )
  const refused = await tsdl([hash, '--timeout', '3s', '--peer', '127.0.0.1:1', '-o', '-', '--json'])
  t.match(eventsOf(refused).at(-1), {
    event: 'error',
    code: 'ERR_STALLED',
    message:
      /no metadata for .*: the only peer, 127\.0\.0\.1:\d+, refused the connection \(over TCP: tsdl has no uTP\)/,
    exit: 3,
  })
})

t.test('a signal ends the wait for metadata', async t => {
  const ran = await tsdl(['ab'.repeat(20), '--json', '-o', '-'], {
    started: child => child.stderr!.once('data', () => child.kill('SIGINT')),
  })
  t.equal(ran.code, 130)
})

/** Serves these bytes over HTTP until the test is over. */
async function webServer(t: Test, bytes: Uint8Array): Promise<string> {
  const server = createServer((_request, response) => response.end(bytes)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return encodeURIComponent(`http://127.0.0.1:${(server.address() as AddressInfo).port}/x.torrent`)
}

t.test('a link (xs, as) causes no request to a server of this machine, unless that is allowed', async t => {
  const offered = await offer(t)
  const asked: string[] = []
  const server = createServer(({ url }, response) => {
    asked.push(url!)
    response.end(offered.torrent)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  for (const order of ['/admin/delete?all=1', '/admin/delete', '/x.torrent?all=1']) {
    const url = encodeURIComponent(`http://127.0.0.1:${port}${order}`)
    const ran = await tsdl([
      `magnet:?xt=urn:btih:${'ab'.repeat(20)}&xs=${url}&as=${url}`,
      '--timeout',
      '300ms',
      '-o',
      '-',
    ])
    t.equal(ran.code, 3)
    t.match(ran.stderr, /is not allowed for this request/)
  }
  t.same(asked, [])
  const url = encodeURIComponent(`http://127.0.0.1:${port}/get?id=1`)
  const ran = await tsdl([linkOf(offered, `&xs=${url}`), '-q', '--allow-local'])
  t.ok(ran.stdout.equals(offered.bytes), ran.stderr)
  t.same(asked, ['/get?id=1'])
})

t.test('the .torrent that a link names (xs) is used if its info-hash matches', async t => {
  const [offered, another] = [await offer(t), await offer(t, { name: 'another' })]
  const right = await webServer(t, offered.torrent)
  const ran = await tsdl([linkOf(offered, `&xs=${right}`), '-q'])
  t.ok(ran.stdout.equals(offered.bytes), ran.stderr)
  const wrong = await webServer(t, another.torrent)
  const other = await tsdl([linkOf(offered, `&xs=${wrong}`), '--timeout', '5s', '-o', '-'])
  t.equal(other.code, 3)
  t.match(other.stderr, /another torrent, [0-9a-f]{40}/)
})
