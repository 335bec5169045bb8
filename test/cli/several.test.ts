import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Status } from '../../src/cli/live/status.ts'
import { worstOf } from '../../src/cli/several/get-several.ts'
import { LineBoard } from '../../src/cli/several/line-board.ts'
import { sumUp } from '../../src/cli/several/sum-up.ts'
import type { Progress } from '../../src/index.ts'
import { eventsOf, offer, tsdl } from '../helpers/cli.ts'

type Event = Readonly<Record<string, unknown>>

t.test(
  'every torrent of several sources is saved, its events name it, and the last event has the sum',
  async t => {
    const first = await offer(t, { name: 'first.bin' })
    const second = await offer(t, { name: 'second.bin', files: { '': 90_000 } })
    const link = `magnet:?xt=urn:btih:${second.metainfo.infoHash.toString('hex')}&x.pe=${second.peer}`
    const dir = join(t.testdirName, 'saved')
    const ran = await tsdl([first.path, link, '-o', dir, '--json', '--digest', 'sha256'])
    t.equal(ran.code, 0, ran.stderr)
    t.equal(ran.stdout.length, 0)
    t.ok(readFileSync(join(dir, 'first.bin')).equals(first.bytes))
    t.ok(readFileSync(join(dir, 'second.bin')).equals(second.bytes))
    const events: Event[] = eventsOf(ran)
    for (const [source, { metainfo }] of [
      [first.path, first],
      [link, second],
    ] as const) {
      const own = events.filter(event => event.source === source)
      const infoHash = metainfo.infoHash.toString('hex')
      t.ok(own.length >= 2)
      t.ok(own.every(event => event.infoHash === infoHash))
      t.match(
        own.find(({ event }) => event === 'metadata'),
        { name: metainfo.name },
      )
      t.match(own.at(-1), { event: 'done', verified: metainfo.length })
      t.equal(Object.keys(own.at(-1)!.digests as object).length, 1)
    }
    t.match(events.at(-1), { event: 'end', torrents: 2, complete: 2, failed: 0, verified: 390_000, exit: 0 })
    t.equal(events.filter(({ event }) => event === 'listening').length, 1)
  },
)

t.test('a source that fails does not end the others, and the exit code is the worst one', async t => {
  const made = await offer(t)
  writeFileSync(join(t.testdirName, 'bad.torrent'), 'x')
  const dir = join(t.testdirName, 'saved')
  const sources = [made.path, join(t.testdirName, 'bad.torrent'), made.path]
  const [json, text] = await Promise.all([
    tsdl([...sources, '-o', dir, '--json']),
    tsdl([...sources, '-o', join(t.testdirName, 'text')]),
  ])
  t.equal(json.code, 2)
  const events: Event[] = eventsOf(json)
  t.match(
    events.find(({ event }) => event === 'error'),
    { source: sources[1], code: 'ERR_METAINFO', exit: 2, message: /not a torrent/ },
  )
  t.match(events.at(-1), { event: 'end', torrents: 2, complete: 1, failed: 1, exit: 2 })
  t.ok(readFileSync(join(dir, 'content.bin')).equals(made.bytes))
  t.equal(text.code, 2)
  t.match(text.stderr, /^tsdl: .*bad\.torrent: .*not a torrent/m)
  t.match(text.stderr, /^content\.bin: .* verified in/m)
  t.equal(text.lines.at(-1), '1 of 2 torrents complete, 1 failed; 293 KiB verified')
})

t.test('the same torrent from two sources is downloaded once', async t => {
  const made = await offer(t)
  const copy = join(t.testdirName, 'copy.torrent')
  writeFileSync(copy, made.torrent)
  const ran = await tsdl([made.path, copy, '-o', join(t.testdirName, 'saved'), '--json'])
  t.equal(ran.code, 0, ran.stderr)
  const events: Event[] = eventsOf(ran)
  t.equal(events.filter(({ event }) => event === 'done').length, 1)
  t.match(
    events.find(({ event, code }) => event === 'warning' && code === 'ERR_BUSY'),
    {},
  )
  t.match(events.at(-1), { event: 'end', exit: 0 })
})

t.test('-i reads a list from a file or standard input', async t => {
  const made = await offer(t)
  const list = `# comment\n\n  ${made.path}  \r\n`
  writeFileSync(join(t.testdirName, 'list'), list)
  const [file, stdin] = await Promise.all([
    tsdl(['-i', join(t.testdirName, 'list'), '-o', join(t.testdirName, 'a')]),
    tsdl(['get', '-i', '-', '-o', join(t.testdirName, 'b')], { stdin: list }),
  ])
  t.equal(file.code, 0, file.stderr)
  t.equal(stdin.code, 0, stdin.stderr)
  for (const dir of ['a', 'b']) t.ok(existsSync(join(t.testdirName, dir, 'content.bin')))
})

t.test('options that conflict with several sources are rejected with the reason', async t => {
  const dir = t.testdir({ empty: '# none\n', dash: '-\n', file: '' })
  const rows: [string[], RegExp][] = [
    [['a', 'b'], /several sources need -o DIR: standard output/],
    [['a', 'b', '-o', '-'], /-o - cannot be used with several sources: standard output carries one torrent/],
    [['a', 'b', '--tar'], /--tar cannot be used with several sources/],
    [
      ['a', 'b', '--range', '0-1'],
      /--range cannot be used with several sources: it selects bytes of one file/,
    ],
    [['a', 'b', '-C', 'x', '-o', '.'], /-C cannot be used with several sources/],
    [['a', 'b', '-o', 'file'], /-o "file" cannot be used with several sources: it is not a directory/],
    [['-i', 'none', '-o', '.'], /cannot read the list "none": no such file/],
    [['-i', 'empty', '-o', '.'], /the list "empty": it has no sources/],
    [['-i', 'dash', '-o', '.'], /the list "dash": - is not a source of a list/],
  ]
  for (const [args, expected] of rows) {
    const { code, lines } = await tsdl(args, { cwd: dir })
    t.equal(code, 2, args.join(' '))
    t.equal(lines.length, 1)
    t.match(lines[0], expected)
  }
})

t.test('SIGINT ends a run of several sources with 130; the end event is the last', async t => {
  const made = await offer(t, { trackers: [] })
  const other = await offer(t, { name: 'other', trackers: [] })
  const ran = await tsdl([made.path, other.path, '-o', join(t.testdirName, 'saved'), '--json'], {
    started: child => {
      const onData = (chunk: Buffer) => {
        if (!chunk.includes('"total"')) return
        child.stderr!.off('data', onData)
        child.kill('SIGINT')
      }
      child.stderr!.on('data', onData)
    },
  })
  t.equal(ran.code, 130)
  const events: Event[] = eventsOf(ran)
  t.match(events.at(-1), { event: 'end', torrents: 2, complete: 0, failed: 0, exit: 130 })
  t.notOk(events.some(({ event }) => event === 'error'))
})

t.test('the sum counts rates of active torrents, and bytes of all', async t => {
  const progress = { verified: 10, total: 100, uploaded: 1, downSpeed: 45, upSpeed: 2, peers: 3 } as Progress
  t.strictSame(
    sumUp([
      { exit: undefined, progress },
      { exit: 0, progress: { ...progress, verified: 100 } },
      { exit: 3, progress: undefined },
      { exit: undefined, progress: undefined },
    ]),
    {
      ...{ torrents: 4, complete: 1, failed: 1, verified: 110, total: 200, uploaded: 2 },
      ...{ downSpeed: 45, upSpeed: 2, peers: 3, eta: 2 },
    },
  )
  t.equal(worstOf([0, 3, 2, 0]), 2)
  t.equal(worstOf([4, 2, 3]), 4)
  t.equal(worstOf([0, 1, 4]), 1)
  t.equal(worstOf([]), 0)
})

t.test('the board shows a status for each torrent that is not closed, and their sum', async t => {
  let shown: readonly Status[] = []
  const lines: string[] = []
  const board = new LineBoard({
    showAll: statuses => {
      shown = statuses
    },
    say: line => lines.push(line),
    close() {},
  })
  const torrents = ['a', 'b', 'c'].map(name => board.createLines(() => name))
  for (const torrent of torrents) torrent.show({ text: '1%' })
  board.show({ text: 'all: 1%' })
  t.strictSame(
    shown.map(({ name }) => name),
    ['a', 'b', 'c', undefined],
  )
  torrents[0]!.close()
  board.show({ text: 'all: 2%' })
  t.strictSame(
    shown.map(({ text }) => text),
    ['1%', '1%', 'all: 2%'],
  )
  t.equal(board.createLines(() => 'x'.repeat(100)).label?.length, 40)
  torrents[1]!.say('done')
  t.strictSame(lines, ['done'])
})
