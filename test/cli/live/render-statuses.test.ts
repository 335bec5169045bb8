import t from 'tap'
import { describeProgress } from '../../../src/cli/describe-progress.ts'
import { columnsOf, fitText } from '../../../src/cli/live/fit-text.ts'
import { renderStatuses, type TerminalLook } from '../../../src/cli/live/render-statuses.ts'
import type { Status } from '../../../src/cli/live/status.ts'
import type { Progress } from '../../../src/index.ts'
import { bottleneckOf } from '../../helpers/bottleneck.ts'

const MiB = 1 << 20
const NO_BOTTLENECK = { kind: 'none', short: '', sentence: '' } as Progress['bottleneck']
const FIRST_PROGRESS: Progress = {
  ...{ verified: 45 * MiB, total: 100 * MiB, downSpeed: 12.3 * MiB, upSpeed: 1.2 * MiB, peers: 12, seeds: 3 },
  ...{
    webSeeds: 0,
    eta: 123,
    buffered: 0,
    limit: 'network',
    bottleneck: bottleneckOf({ kind: 'peers' }),
    downloaded: 0,
    uploaded: 0,
    wasted: 0,
    reused: 0,
    ratio: 0,
  },
}
const STATUS_NAMES = {
  plain: 'ubuntu-24.04.2-desktop-amd64.iso',
  short: 'a',
  wide: '東京の朝のニュース第二十四回.mkv',
  combining: 'Cafe\u0301 de\u0301ja\u0300 vu — un tre\u0300s long me\u0301trage.mp4',
  emoji: '👨‍👩‍👧‍👦 family 👍🏽 holiday video.mov',
}
const look = (columns: number, more: Partial<TerminalLook> = {}): TerminalLook => ({
  ...{ columns, rows: 24, unicode: true, color: false },
  ...more,
})
const lineOf = (columns: number, name = STATUS_NAMES.plain, progress: Partial<Progress> = {}) =>
  renderStatuses([{ name, ...describeProgress({ ...FIRST_PROGRESS, ...progress }) }], look(columns))[0]!

t.test('a wider terminal shows more fields in the live line', async t => {
  const rows: [number, string][] = [
    [20, 'ubuntu-24.…   45.0%'],
    [30, 'ubuntu-2…   45.0%  12.3 MiB/s'],
    [40, 'ubuntu-24.0…   45.0%  12.3 MiB/s  2m 3s'],
    [60, 'ubuntu-24.04.2-d…   45.0%  12.3 MiB/s  up 1.20 MiB/s  2m 3s'],
    [80, 'ubuntu-24.04.2…  ████░░░░░░   45.0%  12.3 MiB/s  up 1.20 MiB/s  12 peers  2m 3s'],
  ]
  for (const [columns, expected] of rows) t.equal(lineOf(columns), expected, `${columns} columns`)
  const wide = lineOf(200)
  for (const part of [
    STATUS_NAMES.plain,
    '██',
    '45.0%',
    '45 MiB of 100 MiB',
    '12.3 MiB/s',
    'up 1.20 MiB/s',
    '12 peers',
    '2m 3s left',
  ])
    t.ok(wide.includes(part), part)
})

t.test(
  'no line is wider than the terminal, and each has the name of the torrent and its percentage',
  async t => {
    for (const name of Object.values(STATUS_NAMES)) {
      for (let columns = 20; columns <= 200; columns++) {
        const line = lineOf(columns, name, { webSeeds: 1, peers: 1 })
        t.ok(columnsOf(line) < columns, `${columns}: ${line}`)
        t.ok(
          line.startsWith([...new Intl.Segmenter().segment(name)][0]!.segment) && line.includes('45.0%'),
          line,
        )
      }
    }
    for (let columns = 1; columns < 20; columns++) t.ok(columnsOf(lineOf(columns)) < Math.max(2, columns))
  },
)

t.test('the layout stays while numbers change', async t => {
  const at = (downSpeed: number, verified: number) =>
    lineOf(100, STATUS_NAMES.plain, { downSpeed, verified }).indexOf('peer')
  t.equal(at(900, 100 * 1024), at(1023 * 1024, 99.9 * MiB))
})

t.test('1 peer is singular, and control characters in a name have no effect', async t => {
  t.match(lineOf(100, 'x', { peers: 1 }), / {2}1 peer {2}/)
  t.match(lineOf(100, 'x', { peers: 0 }), / 0 peers {2}/)
  t.match(lineOf(100, '\x1b[2J\nx'), /^\\u001b\[2J x /)
})

t.test('a sentence takes a second line, unless there is no row for it', async t => {
  const status: Status = {
    name: 'x',
    ...describeProgress(FIRST_PROGRESS),
    detail: 'all 12 peers lack what is missing',
  }
  t.equal(renderStatuses([status], look(80))[1], '  all 12 peers lack what is missing')
  t.equal(renderStatuses([status], look(20))[1], '  all 12 peers lac…')
  t.equal(renderStatuses([status], look(80, { rows: 2 })).length, 1)
  t.ok(renderStatuses([status], look(80, { color: true }))[1]?.startsWith('\x1b[2m'))
})

t.test('several torrents have a line each, as far as rows suffice, and a line with their sum', async t => {
  const torrents = [STATUS_NAMES.plain, STATUS_NAMES.wide, 'c'].map(name => ({
    name,
    ...describeProgress(FIRST_PROGRESS),
  }))
  const sum: Status = { name: 'all', text: 'all: 1%', fields: [{ text: '1%', rank: 1 }] }
  const lines = renderStatuses([...torrents, sum], look(100))
  t.equal(lines.length, 4)
  const columnOfShare = (line: string) => columnsOf(line.slice(0, line.indexOf('45.0%')))
  t.equal(columnOfShare(lines[0]!), columnOfShare(lines[2]!))
  t.equal(columnOfShare(lines[1]!), columnOfShare(lines[2]!))
  t.equal(lines[3], 'all  1%')
  const slow = {
    ...FIRST_PROGRESS,
    bottleneck: { ...NO_BOTTLENECK, short: 'disk is slow', sentence: 'The disk is slow.' },
  }
  const [first] = renderStatuses([{ name: 'x', ...describeProgress(slow) }, sum], look(100))
  t.match(first, /disk is slow$/)
  t.equal(renderStatuses([{ name: 'x', ...describeProgress(slow) }], look(100))[1], '  The disk is slow.')
  t.strictSame(renderStatuses([...torrents, sum], look(100, { rows: 5 })).slice(2), ['and 1 more', 'all  1%'])
  t.strictSame(renderStatuses([...torrents, sum], look(100, { rows: 1 })), ['and 3 more', 'all  1%'])
})

t.test('the line can be ASCII only, and can have colours', async t => {
  const [ascii] = renderStatuses(
    [{ name: STATUS_NAMES.plain, ...describeProgress(FIRST_PROGRESS) }],
    look(80, { unicode: false }),
  )
  t.match(ascii, /^ubuntu-24\.04\.{3} {2}####------ /)
  t.notMatch(ascii, /[^ -~]/)
  const [colored] = renderStatuses(
    [{ name: 'x', ...describeProgress(FIRST_PROGRESS) }],
    look(80, { color: true }),
  )
  t.ok(colored?.includes('\x1b[36m████') && colored.includes('\x1b[39m\x1b[2m░░░░'))
})

t.test('text without fields is cut too', async t => {
  const [line] = renderStatuses([{ name: 'x', text: 'fetching metadata: 1 peer, 0 with it' }], look(20))
  t.equal(line, 'x: fetching metada…')
})

t.test('text is cut between characters, never within a wide one', async t => {
  const rows: [string, number, string][] = [
    ['abc', 3, 'abc'],
    ['abcd', 3, 'ab…'],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
    ['e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
    ['👨‍👩‍👧‍👦👨‍👩‍👧‍👦', 3, '👨‍👩‍👧‍👦…'],
    ['abc', 0, ''],
  ]
  for (const [text, columns, expected] of rows)
    t.equal(fitText(text, columns), expected, `${text} in ${columns}`)
})
