import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parsePorts } from '../../src/cli/options/parse-values.ts'
import { pruneRecords } from '../../src/cli/prune-records.ts'
import { Bitfield, Listener, Torrent } from '../../src/index.ts'
import { eventsOf, offer, tsdl } from '../helpers/cli.ts'
import { MemoryStorage } from '../helpers/simulation/memory-storage.ts'

const DAY_MS = 86_400_000

t.test('--port A-B takes the first free port of the range', async t => {
  const made = await offer(t)
  const taken = await new Listener({ bind: '127.0.0.1' }).listen()
  t.teardown(() => taken.close())
  const first = taken.port!
  const range = `${first}-${Math.min(65_535, first + 50)}`
  const args = [made.path, '--bind', '127.0.0.1', '--json', '-o', 'd']
  const ran = await tsdl([...args, '--port', range], { cwd: t.testdirName })
  t.equal(ran.code, 0, ran.stderr)
  const { address } = eventsOf(ran).find(({ event }) => event === 'listening')
  const port = Number(address.replace('127.0.0.1:', ''))
  t.ok(port > first && port <= first + 50, address)
  const none = await tsdl([...args, '--port', String(first)], { cwd: t.testdirName })
  t.match(none, { code: 2, stderr: /cannot listen at 127\.0\.0\.1:\d+/ })
  t.strictSame(parsePorts('6881'), { port: 6881, lastPort: 6881 })
  t.strictSame(parsePorts('1-65535'), { port: 1, lastPort: 65_535 })
  for (const text of ['0', '65536', '9-8', '1-65536', '1-', 'x'])
    t.throws(() => parsePorts(text), { code: 'ERR_USAGE' }, text)
})

t.test('--blocklist: an invalid line is a usage error that names it', async t => {
  const made = await offer(t)
  writeFileSync(join(t.testdirName, 'list'), '1.2.3.0/24\nnonsense\n')
  const ran = await tsdl([made.path, '-o', 'd', '--blocklist', 'list'], { cwd: t.testdirName })
  t.match(ran, { code: 2, stderr: /blocklist list: line 2: expected a range of addresses, got "nonsense"/ })
})

t.test('serve --open: the player gets the URL of the largest file, and the server ends with it', async t => {
  const made = await offer(t, { files: { small: 1000, 'a dir/film #1.mkv': 50_000 }, name: 'many' })
  const cwd = t.testdirName
  writeFileSync(
    join(cwd, 'player.mjs'),
    `import { writeFileSync } from 'node:fs'
     const reply = await fetch(process.argv[3])
     writeFileSync(process.argv[2], Buffer.from(await reply.arrayBuffer()))`,
  )
  const player = `${process.execPath} player.mjs seen`
  const ran = await tsdl(
    ['serve', made.path, '--http', '127.0.0.1:0', '--token', 'secret', '--open', player],
    { cwd },
  )
  t.equal(ran.code, 0, ran.stderr)
  t.ok(readFileSync(join(cwd, 'seen')).equals(made.file(1)))
  const missing = await tsdl(['serve', made.path, '--http', '127.0.0.1:0', '--open', '/nowhere/player'], {
    cwd,
  })
  t.match(missing, { code: 4, stderr: /^tsdl: cannot start \/nowhere\/player: no such file or directory$/m })
})

t.test('old resume records are removed, once a day', async t => {
  const directory = join(t.testdir({}), 'tsdl')
  const now = 1000 * DAY_MS
  t.doesNotThrow(() => pruneRecords(directory, now), 'no directory')
  mkdirSync(directory)
  const write = (name: string, days: number) => {
    writeFileSync(join(directory, name), '')
    utimesSync(join(directory, name), (now - days * DAY_MS) / 1000, (now - days * DAY_MS) / 1000)
  }
  write('old.resume', 181)
  write('recent.resume', 179)
  write('dht', 400)
  pruneRecords(directory, now)
  t.strictSame(readdirSync(directory).sort(), ['dht', 'pruned', 'recent.resume'])
  write('old.resume', 181)
  write('pruned', 0.5)
  pruneRecords(directory, now)
  t.ok(readdirSync(directory).includes('old.resume'))
  write('pruned', 2)
  pruneRecords(directory, now)
  t.notOk(readdirSync(directory).includes('old.resume'))
})

t.test('-4 and -6: only peers of that address family are used', async t => {
  const made = await offer(t)
  const cwd = t.testdirName
  const six = await new Listener({ bind: '::1' }).listen()
  const seed = new Torrent(made.metainfo, {
    ...{ listener: six, trackers: false, share: true },
    ...{ storage: new MemoryStorage(made.bytes), trusted: Bitfield.full(made.metainfo.pieceCount) },
  }).start()
  t.teardown(() => {
    six.close()
    return seed.close()
  })
  const both = ['--no-tracker', '--peer', made.peer, '--peer', `[::1]:${six.port}`]
  const runs = [
    [
      'four',
      ['--ipv4'],
      /^127\.0\.0\.1:/,
      `--peer: [::1]:${six.port} is not used: it is not an IPv4 address (--ipv4)`,
    ],
    [
      'six',
      ['-6', '--dht-node', '127.0.0.1:9'],
      /^\[::1\]:/,
      `--peer: ${made.peer} is not used: it is not an IPv6 address (--ipv6)`,
    ],
  ] as const
  await Promise.all(
    runs.map(async ([name, args, address, excluded]) => {
      const ran = await tsdl([made.path, ...both, ...args, '--json', '-v', '-o', name], { cwd })
      t.equal(ran.code, 0, ran.stderr)
      const peers = eventsOf(ran).filter(({ event }) => event === 'peer')
      const warnings = eventsOf(ran).filter(({ event }) => event === 'warning')
      t.match(warnings[0], { code: 'ERR_USAGE', message: excluded })
      t.equal(warnings.length, name === 'six' ? 2 : 1, 'one for each address of the other family')
      t.ok(peers.length > 0 && peers.every(peer => address.test(peer.address)), ran.stderr)
    }),
  )
  const usage: readonly (readonly [command: string, args: readonly string[], message: RegExp])[] = [
    ['get', ['-4', '-6'], /'-4, --ipv4' cannot be used with option '-6, --ipv6'/],
    ['get', ['-6', '--bind', '127.0.0.1'], /^tsdl: --bind: 127\.0\.0\.1 is not an IPv6 address/],
    ['info', ['-4', '--bind', '::'], /^tsdl: --bind: :: is not an IPv4 address/],
  ]
  for (const [command, args, message] of usage)
    t.match(await tsdl([command, made.path, ...args], { cwd }), { code: 2, stderr: message })
  const scraped = await tsdl(['info', '-6', '--scrape', made.path], { cwd })
  t.match(scraped, { code: 3, stdout: /127\.0\.0\.1 is not an IPv6 address/ })
})
