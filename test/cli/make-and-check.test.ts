import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { encode } from '../../src/codec/bencode.ts'
import { formatAddress, parse } from '../../src/index.ts'
import { tsdl } from '../helpers/cli.ts'
import { noise } from '../helpers/metainfo.ts'
import { client } from '../helpers/swarm.ts'
import { udpTracker } from '../helpers/udp-tracker.ts'
import { HYBRID_PIECE_LENGTH, hybridFiles, v2Torrent } from '../helpers/v2-torrent.ts'
import { webServer } from '../helpers/web-server.ts'

const jsonOf = ({ stdout }: { stdout: Buffer }) => JSON.parse(stdout.toString())

t.test('info shows what create wrote', async t => {
  const cwd = t.testdir({ album: { 'b.txt': 'two', 'a.txt': 'one', sub: { empty: '' } } })
  const made = await tsdl(
    [
      'create',
      'album',
      ...['-o', 'x.torrent'],
      ...['--tracker', 'http://a.example/announce,http://b.example/announce'],
      ...['--tracker', 'udp://c.example:80'],
      ...['--web-seed', 'http://w.example/'],
      ...['--comment', 'hello', '--private', '--piece-length', '32K'],
    ],
    { cwd },
  )
  t.match(made, { code: 0, stderr: '' })
  t.equal(made.stdout.length, 0)
  const [json, text] = await Promise.all([
    tsdl(['info', 'x.torrent', '--json', '--offline'], { cwd }),
    tsdl(['info', '-'], { stdin: readFileSync(join(cwd, 'x.torrent')) }),
  ])
  t.equal(json.stderr, '')
  t.strictSame(jsonOf(json), {
    name: 'album',
    infoHash: parse(readFileSync(join(cwd, 'x.torrent'))).infoHash.toString('hex'),
    infoHashV2: null,
    length: 6,
    pieceLength: 32_768,
    pieces: 1,
    files: [
      { path: 'album/a.txt', length: 3, offset: 0, selected: true },
      { path: 'album/b.txt', length: 3, offset: 3, selected: true },
      { path: 'album/sub/empty', length: 0, offset: 6, selected: true },
    ],
    private: true,
    trackers: [['http://a.example/announce', 'http://b.example/announce'], ['udp://c.example:80']],
    webSeeds: ['http://w.example/'],
    httpSeeds: [],
    nodes: [],
    comment: 'hello',
    source: null,
    createdBy: jsonOf(json).createdBy,
    creationDate: jsonOf(json).creationDate,
    magnet: jsonOf(json).magnet,
  })
  t.match(jsonOf(json), { createdBy: /^tsdl \d/, creationDate: Number })
  t.match(text.stdout.toString(), /^name {7}album\n[\s\S]*album\/sub\/empty\n$/)
})

t.test('info shows both info-hashes and the roots of files for each --format', async t => {
  const cwd = t.testdir({ album: { 'a.txt': 'one', empty: '' } })
  for (const format of ['hybrid', 'v2']) {
    const made = await tsdl(['create', 'album', '--no-date', '--format', format], { cwd })
    t.match(made, { code: 0, stderr: '' })
    const { infoHash, infoHashV2 } = parse(made.stdout)
    const hex = { v1: format === 'v2' ? null : infoHash.toString('hex'), v2: infoHashV2!.toString('hex') }
    const [json, text] = await Promise.all([
      tsdl(['info', '-', '--json'], { stdin: made.stdout }),
      tsdl(['info', '-'], { stdin: made.stdout }),
    ])
    const piecesRoot = createHash('sha256').update('one').digest('hex')
    t.match(jsonOf(json), { infoHash: hex.v1, infoHashV2: hex.v2 })
    t.strictSame(jsonOf(json).files.at(0), {
      ...{ path: 'album/a.txt', length: 3, offset: 0, selected: true, piecesRoot },
    })
    t.notOk('piecesRoot' in jsonOf(json).files.at(-1))
    t.match(text.stdout.toString(), `v2         ${hex.v2}\n`)
    t.match(text.stdout.toString(), `album/a.txt\n${' '.repeat(19)}root ${piecesRoot}\n`)
    t.equal(text.stdout.toString().includes('\ninfo-hash  '), format === 'hybrid')
  }
})

t.test('a v2 torrent without piece layers needs a peer that sends them', async t => {
  const stdin = v2Torrent(hybridFiles, HYBRID_PIECE_LENGTH, { top: { 'piece layers': undefined } })
  t.match(await tsdl(['-', '--tar', '--no-listen', '--timeout', '300ms'], { stdin }), {
    code: 3,
    stderr: /no peers are known/,
  })
})

t.test('create --no-date writes the same bytes for the same input, also to standard output', async t => {
  const cwd = t.testdir({ file: 'content' })
  const [one, two, other] = await Promise.all([
    tsdl(['create', 'file', '--no-date'], { cwd }),
    tsdl(['create', 'file', '--no-date', '-o', '-'], { cwd }),
    tsdl(['create', 'file', '--no-date', '--name', 'other'], { cwd }),
  ])
  t.equal(one.code, 0)
  t.ok(one.stdout.equals(two.stdout))
  t.equal(parse(one.stdout).creationDate, undefined)
  t.equal(parse(other.stdout).name, 'other')
})

t.test('create rejects invalid options and inputs', async t => {
  const cwd = t.testdir({ file: 'content', none: {} })
  const rows: [string[], number, RegExp][] = [
    [['nope'], 2, /^tsdl: cannot read nope: no such file or directory$/],
    [['none'], 2, /^tsdl: none: the directory contains no files$/],
    [['file', '--tracker', 'ftp://x'], 2, /"ftp:\/\/x"/],
    [
      ['file', '--format', 'v2', '--piece-length', '5000'],
      2,
      /a power of two of at least 16384 for v2, got 5000/,
    ],
    [['file', '--name', 'a/b'], 2, /unsafe path "a\/b"/],
    [['file', '-o', 'no/such/dir'], 4, /^tsdl: cannot write no\/such\/dir: no such file or directory$/],
  ]
  await Promise.all(
    rows.map(async ([args, code, expected]) => {
      const ran = await tsdl(['create', ...args], { cwd })
      t.equal(ran.code, code)
      t.equal(ran.stdout.length, 0)
      t.match(ran.lines, [expected])
    }),
  )
})

t.test('info escapes control characters of a torrent', async t => {
  const hostileText = 'a\u001b[31mb\u0007c\u009bd\u202ee\nf'
  const torrent = encode({
    comment: hostileText,
    'created by': hostileText,
    info: { length: 5, name: hostileText, 'piece length': 16_384, pieces: Buffer.alloc(20) },
    nodes: [
      ['router.example', 6881],
      ['::1', 1],
    ],
  })
  const [text, json] = await Promise.all([
    tsdl(['info', '-'], { stdin: torrent }),
    tsdl(['info', '-', '--json'], { stdin: torrent }),
  ])
  for (const { stdout } of [text, json]) t.notMatch(stdout.toString().replaceAll('\n', ''), /[\p{Cc}\u202e]/u)
  t.match(text.stdout.toString(), /\ncomment {4}a\\u001b\[31mb\\u0007c\\u009bd\\u202ee\\nf\n/)
  t.match(jsonOf(json), { comment: hostileText, nodes: ['router.example:6881', '[::1]:1'] })
})

t.test('verify exits with 0 only if every byte is right', async t => {
  const cwd = t.testdir({ album: { a: 'x'.repeat(20_000), b: 'y'.repeat(20_000) }, away: {} })
  const { stdout: torrent } = await tsdl(['create', 'album', '--no-date'], { cwd })
  writeFileSync(join(cwd, 'x.torrent'), torrent)
  const good = await tsdl(['verify', 'x.torrent', 'album'], { cwd })
  t.match(good, { code: 0, stderr: '' })
  t.equal(good.stdout.toString(), '3 of 3 pieces are correct\n')
  t.equal((await tsdl(['verify', 'x.torrent', '.'], { cwd })).code, 0)

  writeFileSync(join(cwd, 'album/b'), 'y'.repeat(19_999))
  mkdirSync(join(cwd, 'empty'))
  const [short, json, gone, missing] = await Promise.all([
    tsdl(['verify', 'x.torrent', 'album'], { cwd }),
    tsdl(['verify', 'x.torrent', '.', '--json'], { cwd }),
    tsdl(['verify', 'x.torrent', 'empty', '-q'], { cwd }),
    tsdl(['verify', 'x.torrent', 'nope'], { cwd }),
  ])
  t.match(short, { code: 5, stderr: '' })
  t.equal(short.stdout.toString(), 'album/b: 1 piece missing or wrong\n2 of 3 pieces are correct\n')
  t.equal(json.code, 5)
  t.match(jsonOf(json), { name: 'album', pieces: 3, verified: 2, wrong: [2] })
  t.equal(gone.code, 5)
  t.equal(missing.code, 2)
  t.match(missing.lines, [/^tsdl: cannot read nope: no such file or directory$/])
})

t.test('verify names the wrong bytes of a v2 or hybrid torrent: blocks if pieces are blocks', async t => {
  const cwd = t.testdir({ album: { a: 'x'.repeat(100_000), b: 'y'.repeat(10), c: '' } })
  for (const format of ['v2', 'hybrid']) {
    writeFileSync(join(cwd, 'album/a'), 'x'.repeat(100_000))
    await tsdl(['create', 'album', '-o', 'x.torrent', '--piece-length', '16K', '--format', format], { cwd })
    const good = await tsdl(['verify', 'x.torrent', 'album'], { cwd })
    t.match(good, { code: 0, stderr: '' })
    t.equal(good.stdout.toString(), '8 of 8 pieces are correct\n')
    const bytes = Buffer.alloc(100_000, 'x')
    for (const at of [20_000, 40_000, 99_999]) bytes[at] = 0
    writeFileSync(join(cwd, 'album/a'), bytes)
    const [text, json] = await Promise.all([
      tsdl(['verify', 'x.torrent', 'album'], { cwd }),
      tsdl(['verify', 'x.torrent', 'album', '--json'], { cwd }),
    ])
    t.equal(
      text.stdout.toString(),
      'album/a: 3 pieces missing or wrong: bytes 16384-49151, 98304-99999\n5 of 8 pieces are correct\n',
    )
    t.match(jsonOf(json), { infoHashV2: /^[0-9a-f]{64}$/, wrong: [1, 2, 6] })
    t.equal(jsonOf(json).infoHash === null, format === 'v2')
    t.strictSame(jsonOf(json).files[0].ranges, [
      { offset: 16_384, length: 32_768 },
      { offset: 98_304, length: 1_696 },
    ])
  }
})

t.test('verify --blocks names the wrong blocks of large pieces, with hashes from one seed', async t => {
  const bytes = noise(200_000, 7)
  const cwd = t.testdir({ d: { a: bytes } })
  await tsdl(['create', 'd/a', '-o', 'x.torrent', '--piece-length', '64K', '--format', 'hybrid'], { cwd })
  const metainfo = parse(readFileSync(join(cwd, 'x.torrent')))
  const seed = await client(t, { metainfo, content: bytes, info: metainfo.info })
  bytes[70_000]! ^= 1
  writeFileSync(join(cwd, 'd/a'), bytes.subarray(0, 190_000))
  const args = ['verify', 'x.torrent', 'd', '--blocks', '--bind', '127.0.0.1']
  const peer = ['--peer', formatAddress(seed.address)]
  const [text, json, unanswered] = await Promise.all([
    tsdl([...args, ...peer], { cwd }),
    tsdl([...args, ...peer, '--json'], { cwd }),
    tsdl([...args, '--json', '--timeout', '0.1'], { cwd }),
  ])
  t.equal(
    text.stdout.toString(),
    'a: 3 pieces missing or wrong: bytes 65536-81919, 180224-199999\n1 of 4 pieces are correct\n',
  )
  t.match(text, { code: 5, stderr: '' })
  t.match(jsonOf(json), { wrong: [1, 2, 3], unknownBlocks: [] })
  t.strictSame(jsonOf(json).files[0].ranges, [
    { offset: 65_536, length: 16_384 },
    { offset: 180_224, length: 19_776 },
  ])
  t.match(jsonOf(unanswered), { wrong: [1, 2, 3], unknownBlocks: [1, 2] })
  t.match(unanswered.stderr, /no peer sent the hashes of the blocks of 2 pieces/)
  await tsdl(['create', 'd/a', '-o', 'v1.torrent', '--format', 'v1'], { cwd })
  const v1 = await tsdl(['verify', 'v1.torrent', 'd', '--blocks'], { cwd })
  t.match(v1, { code: 2, stderr: /--blocks: a v1 torrent has no hashes of blocks/ })
})

t.test('-C continues a file of a v2 torrent after its complete pieces', async t => {
  const bytes = noise(100_000, 1)
  const cwd = t.testdir({ d: { a: bytes, b: 'more' }, part: bytes.subarray(0, 40_000) })
  await tsdl(['create', 'd', '-o', 'x.torrent', '--piece-length', '16K', '--format', 'v2'], { cwd })
  const metainfo = parse(readFileSync(join(cwd, 'x.torrent')))
  const content = Buffer.concat([bytes, Buffer.alloc(metainfo.length - bytes.length)])
  const site = await webServer(t, { metainfo, content, info: metainfo.info })
  const args = [
    'x.torrent',
    '--file',
    'a',
    '--web-seed',
    `${site.origin}/`,
    '--no-listen',
    '--no-dht',
    '--no-lsd',
    '-q',
  ]
  const rest = await tsdl([...args, '-C', 'part'], { cwd })
  t.match(rest, { code: 0, stderr: '' })
  t.ok(rest.stdout.equals(bytes.subarray(40_000)))
  writeFileSync(join(cwd, 'part'), Buffer.alloc(40_000))
  t.match(await tsdl([...args, '-C', 'part'], { cwd }), { code: 4, stderr: /differs from byte 0 on/ })
})

t.test(
  'info --scrape shows the counts or the error of each tracker, and exits with 0 if one answered, else 3',
  async t => {
    const cwd = t.testdir({ x: 'one' })
    const udp = await udpTracker(t)
    const dead = 'http://127.0.0.1:1/announce'
    const make = (name: string, ...trackers: string[]) =>
      tsdl(['create', 'x', '-o', name, ...trackers.flatMap(url => ['--tracker', url])], { cwd })
    await Promise.all([make('both.torrent', dead, udp.url), make('dead.torrent', dead), make('none.torrent')])
    const [json, text, gone, none, both] = await Promise.all([
      tsdl(['info', 'both.torrent', '--json', '--scrape'], { cwd }),
      tsdl(['info', 'both.torrent', '--scrape'], { cwd }),
      tsdl(['info', 'dead.torrent', '--scrape'], { cwd }),
      tsdl(['info', 'none.torrent', '--scrape'], { cwd }),
      tsdl(['info', 'none.torrent', '--scrape', '--offline'], { cwd }),
    ])
    t.match(json, { code: 0, stderr: '' })
    t.strictSame(jsonOf(json).scrape, [
      { tracker: dead, error: { code: 'ERR_TRACKER', message: `tracker ${dead}: connection refused` } },
      { tracker: udp.url, complete: 1, incomplete: 3, downloaded: 2 },
    ])
    t.equal(text.code, 0)
    t.match(
      text.stdout.toString(),
      `scrape     ${dead}: connection refused\n           ${udp.url}: seeds 1, leeches 3, downloads 2\n`,
    )
    t.equal(gone.code, 3)
    t.match(gone.stdout.toString(), 'connection refused')
    t.equal(none.code, 3)
    t.match(none.stdout.toString(), 'scrape     no tracker')
    t.match(both, { code: 2, stderr: /--scrape.*--offline/ })
  },
)
