import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { infoJson, infoText } from '../../src/cli/info.ts'
import { encode } from '../../src/codec/bencode.ts'
import { create, parse, parseMagnet } from '../../src/index.ts'
import { editTorrent } from '../../src/metainfo/edit-torrent.ts'
import { tsdl } from '../helpers/cli.ts'

const INFO_DICT = {
  length: 5,
  name: 'x',
  'piece length': 16_384,
  pieces: Buffer.alloc(20),
  'x-own': [1, { b: 'c' }],
}
const TORRENT_DATA = Buffer.from(
  encode({
    announce: 'http://a.example/announce',
    comment: 'old',
    info: INFO_DICT,
    publisher: 'p',
    'url-list': 'http://w.example/x',
  }),
)

/** A v2 torrent with piece layers as the only key after `info`. */
async function createV2(): Promise<Buffer> {
  const read = async function* () {
    yield Buffer.alloc(100_000, 'v2')
  }
  const files = [{ path: [], length: 100_000, read }]
  return (await create({ name: 'v2', files, format: 'v2', pieceLength: 16_384 })).torrent
}

t.test('edit changes trackers, web seeds and comment, and keeps info and all other bytes', async t => {
  const edited = await editTorrent(TORRENT_DATA, {
    trackers: [['http://b.example/announce', 'udp://c.example:1'], ['udp://d.example:1']],
    webSeeds: ['http://v.example/x'],
    comment: 'new',
  })
  t.strictSame(parse(edited).infoHash, parse(TORRENT_DATA).infoHash)
  t.match(parse(edited), {
    trackers: [['http://b.example/announce', 'udp://c.example:1'], ['udp://d.example:1']],
    webSeeds: ['http://v.example/x'],
    comment: 'new',
  })
  t.ok(edited.includes('9:publisher1:p'))
  t.ok((await editTorrent(TORRENT_DATA, {})).equals(TORRENT_DATA))
  const bare = await editTorrent(edited, { trackers: [], webSeeds: [], comment: '' })
  t.ok(bare.equals(Buffer.from(encode({ info: INFO_DICT, publisher: 'p' }))))
  await t.rejects(editTorrent(TORRENT_DATA, { trackers: [['ftp://x/']] }), { code: 'ERR_USAGE' })
  await t.rejects(editTorrent(TORRENT_DATA.subarray(0, 50), {}), { name: 'InputError' })
})

t.test('edit keeps piece layers, which have binary keys', async t => {
  const torrent = await createV2()
  const edited = await editTorrent(torrent, { comment: 'new' })
  t.ok(parse(edited).infoHashV2?.equals(parse(torrent).infoHashV2!))
  t.ok((await editTorrent(edited, { comment: '' })).equals(await editTorrent(torrent, { comment: '' })))
})

t.test('tsdl edit changes a file in place, writes another file, and reads standard input', async t => {
  const cwd = t.testdir({})
  writeFileSync(join(cwd, 'x.torrent'), TORRENT_DATA)
  const inPlace = await tsdl(['edit', 'x.torrent', '--no-tracker', '--comment', 'hi'], { cwd })
  t.match(inPlace, { code: 0, stderr: '' })
  t.match(parse(readFileSync(join(cwd, 'x.torrent'))), { trackers: [], comment: 'hi' })
  t.strictSame(readdirSync(cwd), ['x.torrent'])
  const piped = await tsdl(
    ['edit', '-', '--web-seed', 'http://v.example/', '--tracker', 'udp://a:1,udp://b:2'],
    {
      stdin: TORRENT_DATA,
    },
  )
  t.match(parse(piped.stdout), { webSeeds: ['http://v.example/'], trackers: [['udp://a:1', 'udp://b:2']] })
  t.match(await tsdl(['edit', 'x.torrent'], { cwd }), { code: 2, stderr: /^tsdl: nothing to change/ })
  t.match(await tsdl(['edit', 'none', '--comment', 'x'], { cwd }), {
    code: 2,
    stderr: /^tsdl: cannot read "none"/,
  })
})

t.test(
  'create excludes files, changes the info-hash with --source, and reads content from standard input',
  async t => {
    const cwd = t.testdir({ d: { a: 'a', 'b.tmp': 'b', sub: { 'c.tmp': 'c', e: 'e' } } })
    const args = ['create', 'd', '--no-date', '--exclude', '*.tmp']
    const [plain, tagged] = await Promise.all([
      tsdl(args, { cwd }),
      tsdl([...args, '--source', 'TAG'], { cwd }),
    ])
    t.strictSame(
      parse(plain.stdout).files.map(({ path }) => path),
      ['d/a', 'd/sub/e'],
    )
    t.notOk(parse(plain.stdout).infoHash.equals(parse(tagged.stdout).infoHash))
    const withSource = parse(tagged.stdout)
    t.equal(JSON.parse(infoJson(withSource)).source, 'TAG')
    t.match(infoText(withSource), /^source {5}TAG$/m)
    t.equal(JSON.parse(infoJson(parse(plain.stdout))).source, null)
    const none = await tsdl(['create', 'd', '--exclude', '**'], { cwd })
    t.match(none, { code: 2, stderr: /all of its files are excluded/ })
    const [piped, named] = await Promise.all([
      tsdl(['create', '-', '--name', 'n', '--no-date'], { stdin: 'hello' }),
      tsdl(['create', '-'], { stdin: 'hello' }),
    ])
    t.match(parse(piped.stdout), { name: 'n', length: 5 })
    t.match(named, { code: 2, stderr: /^tsdl: standard input has no name: use --name/ })
  },
)

t.test('info --magnet prints a link, and info --json contains it', async t => {
  const [link, json] = await Promise.all([
    tsdl(['info', '-', '--magnet'], { stdin: TORRENT_DATA }),
    tsdl(['info', '-', '--json'], { stdin: TORRENT_DATA }),
  ])
  const parsed = parseMagnet(link.stdout.toString().trim())
  t.match(parsed, { name: 'x', trackers: [['http://a.example/announce']], webSeeds: ['http://w.example/x'] })
  t.ok(parsed.infoHash?.equals(parse(TORRENT_DATA).infoHash))
  t.equal(`${JSON.parse(json.stdout.toString()).magnet}\n`, link.stdout.toString())
  const v2 = await tsdl(['info', '-', '--magnet'], { stdin: await createV2() })
  t.match(v2.stdout.toString(), /^magnet:\?xt=urn:btmh:1220[0-9a-f]{64}&/)
  const offline = await tsdl(['info', link.stdout.toString().trim(), '--offline', '--magnet'])
  t.equal(offline.stdout.toString(), link.stdout.toString())
})
