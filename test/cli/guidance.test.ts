import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { commandLine } from '../../src/cli/command-line.ts'
import { eventsOf, offer, tsdl } from '../helpers/cli.ts'

t.test('a download names what it saved; run again it says that this is complete', async t => {
  const made = await offer(t)
  const cwd = t.testdirName
  const first = await tsdl([made.path, '-o', 'out'], { cwd })
  t.match(first.stderr, /^saved out\/content\.bin: .* verified in /m)
  const again = await tsdl([made.path, '-o', 'out'], { cwd })
  t.match(again.stderr, /^already complete: out\/content\.bin: .* verified in /m)
  const json = await tsdl([made.path, '-o', 'out', '--json'], { cwd })
  t.match(eventsOf(json).at(-1), { event: 'done', output: 'out/content.bin' })
})

t.test(
  'after a signal the message says what is kept, and the command that it names continues the download',
  async t => {
    const made = await offer(t, { files: { '': 400_000 } })
    const cwd = t.testdirName
    const args = [made.path, '-o', 'my out', '--down', '100K']
    const interrupted = await tsdl([...args, '--json'], {
      cwd,
      started: child =>
        child.stderr!.on('data', chunk => {
          if (/"event":"progress".*"verified":[1-9]/.test(chunk)) child.kill('SIGINT')
        }),
    })
    t.equal(interrupted.code, 130)
    const { advice } = eventsOf(interrupted).at(-1)
    t.match(
      advice,
      /^interrupted: \d+\.\d% of my out\/content\.bin is kept; to go on, run this again: tsdl .* -o 'my out' /,
    )
    const done = await tsdl(args.slice(0, 3), { cwd })
    t.equal(done.code, 0)
    t.ok(readFileSync(join(cwd, 'my out/content.bin')).equals(made.bytes))
  },
)

t.test('a directory that cannot be created ends a download with exit code 4', async t => {
  const { path } = await offer(t, { trackers: [] })
  const cwd = t.testdirName
  writeFileSync(join(cwd, 'file'), 'x')
  mkdirSync(join(cwd, 'd'))
  symlinkSync('/nowhere/at/all', join(cwd, 'd', 'dangling'))
  const rows: [string, RegExp][] = [
    ['file', /^tsdl: cannot write to file: .*file is not a directory$/],
    ['file/sub', /^tsdl: cannot write to file\/sub: .*file is not a directory$/],
    ['d/dangling', /^tsdl: cannot write to d\/dangling: /],
    ...(process.platform === 'linux'
      ? [['/proc/tsdl', /^tsdl: cannot write to \/proc\/tsdl: /] as const]
      : []),
  ] as [string, RegExp][]
  await Promise.all(
    rows.map(async ([output, expected]) => {
      const { code, lines } = await tsdl([path, '-o', output], { cwd })
      t.equal(code, 4)
      t.match(lines[0], expected)
    }),
  )
})

t.test('a command is quoted for the shell', async t => {
  t.equal(
    commandLine(['a.torrent', '-o', "it's", '--file', '*.mkv']),
    `tsdl a.torrent -o 'it'\\''s' --file '*.mkv'`,
  )
  t.equal(commandLine(['magnet:?xt=urn&x']), "tsdl 'magnet:?xt=urn&x'")
})
