import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { encode } from '../../src/codec/bencode.ts'
import { eventsOf, offer, tsdl } from '../helpers/cli.ts'

const INFO_DICT = { length: 5, name: 'x', 'piece length': 16_384, pieces: Buffer.alloc(20) }
const torrent = (change: object) => encode({ info: { ...INFO_DICT, ...change } })

const BAD_TORRENTS: Readonly<Record<string, readonly [Uint8Array | string, RegExp]>> = {
  'empty.torrent': ['', /it is empty/],
  'page.torrent': ['<html>', /not a torrent: expected a bencoded dictionary, got "<htm"/],
  'truncated.torrent': [torrent({}).subarray(0, 60), /invalid bencoding/],
  'no-info.torrent': ['de', /info: expected a dictionary, got nothing/],
  'name.torrent': [torrent({ name: 7 }), /info\.name: expected a string, got 7/],
  'negative.torrent': [torrent({ length: -1 }), /info\.length: .* got -1/],
  'piece-length.torrent': [torrent({ 'piece length': 0 }), /piece length: expected .* got 0/],
  'huge.torrent': ['d4:infod6:lengthi99999999999999999999999e4:name1:xee', /huge\.torrent: /],
  'deep.torrent': [`d4:info${'l'.repeat(100_000)}${'e'.repeat(100_000)}e`, /nested deeper than/],
  'pieces.torrent': [torrent({ length: 5_000_000 }), /info\.pieces: expected 306 hashes/],
  'path.torrent': [
    encode({ info: { ...INFO_DICT, length: undefined, files: [{ length: 5, path: ['..', 'x'] }] } }),
    /unsafe path/,
  ],
}

t.test('an invalid torrent: exit code 2, one line that names it, nothing written', async t => {
  const torrents = t.testdir(
    Object.fromEntries(Object.entries(BAD_TORRENTS).map(([name, [bytes]]) => [name, bytes])),
  )
  for (const [name, [bytes]] of Object.entries(BAD_TORRENTS)) writeFileSync(join(torrents, name), bytes)
  const rows = Object.entries(BAD_TORRENTS)
  for (let at = 0; at < rows.length; at += 4) {
    await Promise.all(
      rows.slice(at, at + 4).map(async ([name, [, expected]]) => {
        const dir = join(torrents, `${name}.d`)
        mkdirSync(dir)
        const { code, stdout, lines } = await tsdl([join('..', name), '-o', '.'], { cwd: dir })
        t.equal(code, 2, name)
        t.equal(stdout.length, 0)
        t.equal(lines.length, 1, lines.join('\n'))
        t.ok(lines[0]?.startsWith(`tsdl: ../${name}: `), lines.join())
        t.match(lines[0], expected)
        t.strictSame(readdirSync(dir), [])
      }),
    )
  }
})

t.test('a source that cannot be read is named in one line, with exit code 2', async t => {
  const dir = t.testdir({ d: {} })
  const rows: [string, string][] = [
    ['nope.torrent', 'tsdl: cannot read nope.torrent: no such file or directory'],
    ['d', 'tsdl: cannot read d: illegal operation on a directory'],
    ['http://127.0.0.1:9/x', 'tsdl: cannot read http://127.0.0.1:9/x: connection refused'],
    ['\u001b[31mx\n.torrent', 'tsdl: cannot read \\u001b[31mx\\u000a.torrent: no such file or directory'],
  ]
  for (const [source, expected] of rows) {
    const { code, lines } = await tsdl([source], { cwd: dir })
    t.equal(code, 2)
    t.equal(lines.length, 1)
    t.equal(lines[0]?.replaceAll(' .torrent', '\\u000a.torrent'), expected)
  }
})

t.test('invalid options: exit code 2, before anything is read', async t => {
  const rows: [string[], RegExp][] = [
    [['x.torrent', '--bogus'], /^tsdl: unknown option '--bogus'/],
    [['x.torrent', '--peer', '1.2.3.4:70000'], /got "1.2.3.4:70000"/],
    [['x.torrent', '--memory', 'lots'], /^tsdl: --memory: not a size: "lots"; .* \(see tsdl --help\)$/],
    [['x.torrent', '--digest', 'md5'], /^tsdl: --digest: not one of sha256: "md5" \(see tsdl --help\)$/],
    [
      ['x.torrent', '--outptu', 'd'],
      /^tsdl: unknown option '--outptu'; did you mean --output\? \(see tsdl --h/,
    ],
    [['info', 'x.torrent', '--jsn'], /^tsdl: unknown option '--jsn'; .* --json\? \(see tsdl info --help\)$/],
    [
      ['sed', 'x.torrent', 'd'],
      /^tsdl: no file or command sed; did you mean tsdl seed\? \(see tsdl --help\)$/,
    ],
    [['verfiy', 'x.torrent', 'd'], /did you mean tsdl verify\?/],
    [['x.torrent', '--timeout', '-1'], /not a duration: "-1"/],
    [['x.torrent', '-o', ''], /^tsdl: --output: it is empty/],
    [['verify', 'x.torrent'], /missing required argument 'path' \(see tsdl verify --help\)/],
    [['get'], /missing required argument 'source'/],
    [['demo', '--seeds', '0'], /not a whole number from 1 to 100: "0"/],
  ]
  for (let at = 0; at < rows.length; at += 4) {
    await Promise.all(
      rows.slice(at, at + 4).map(async ([args, expected]) => {
        const { code, stdout, lines } = await tsdl(args)
        t.equal(code, 2, args.join(' '))
        t.equal(stdout.length, 0)
        t.equal(lines.length, 1)
        t.match(lines[0], expected)
      }),
    )
  }
})

t.test(
  'several files to standard output: exit code 2 and a list of the files, without contacting peers',
  async t => {
    const { path } = await offer(t, { files: { a: 10, b: 20 }, name: 'two', trackers: [] })
    const [all, none, json] = await Promise.all([
      tsdl([path]),
      tsdl([path, '--file', '*.zip']),
      tsdl([path, '--file', '*.zip', '--json']),
    ])
    const listing = ['  0  two/a  (10 bytes)', '  1  two/b  (20 bytes)']
    t.equal(all.code, 2)
    t.match(all.lines[0], /^tsdl: the torrent has 2 files, .* --file.* -o$/)
    t.strictSame(all.lines.slice(1), listing)
    t.equal(none.code, 2)
    t.strictSame(none.lines, ['tsdl: no file matches "*.zip"; the files are:', ...listing])
    t.equal(json.code, 2)
    t.match(eventsOf(json), [{ event: 'error', code: 'ERR_USAGE', exit: 2, message: /two\/b/ }])
  },
)

t.test('help goes to standard output on request, else to standard error', async t => {
  const [bare, help, version, helpGet] = await Promise.all([
    tsdl([]),
    tsdl(['--help']),
    tsdl(['-V']),
    tsdl(['get', '-h']),
  ])
  t.match(bare, { code: 2, stderr: /^Usage: tsdl/ })
  t.equal(bare.stdout.length, 0)
  t.match(help, { code: 0, stderr: '' })
  t.match(help.stdout.toString(), /^Usage: tsdl[\s\S]*Exit codes/)
  t.match(version, { code: 0, stderr: '' })
  t.match(version.stdout.toString(), /^\d+\.\d+\.\d+\n$/)
  t.match(helpGet.stdout.toString(), /--output/)
  // all options of the main command, in its groups
  const optionsOf = (text: string) => new Set(text.match(/(?<=^ {2}(?:-\w, )?)--(?!version)[a-z-]+/gm))
  t.strictSame(optionsOf(help.stdout.toString()), optionsOf(helpGet.stdout.toString()))
  t.match(help.stdout.toString(), /\nSharing \(get\):\n {2}--seed-ratio/)
})
