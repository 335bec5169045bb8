import t from 'tap'
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatPart,
  formatRate,
  formatRatio,
} from '../../src/page/format.ts'
import { describeState } from '../../src/page/list/describe-state.ts'
import { countRows, type ListQuery, queryRows } from '../../src/page/list/list-query.ts'
import { extendTo, keepPresent, NO_SELECTION, selectAll, toggle } from '../../src/page/list/selection.ts'
import type { ListedTorrent } from '../../src/server/page/documents.ts'

const torrent = (name: string, changes: Partial<ListedTorrent> = {}): ListedTorrent => ({
  ...{
    name,
    status: 'downloading',
    size: 100,
    wanted: 100,
    verified: 50,
    down: 0,
    up: 0,
    peers: 1,
    seeds: 0,
  },
  ...{ ratio: 0, uploaded: 0, labels: [] },
  ...changes,
})

const LISTED_TORRENTS = {
  a: torrent('Episode 10', { labels: ['series'], down: 5, eta: 60 }),
  b: torrent('Episode 2', { labels: ['series', 'new'], verified: 100, status: 'seeding' }),
  c: torrent('a film', { status: 'stopped' }),
  d: torrent('فيلم', { status: 'failed', reason: 'the disk is full' }),
}
const ALL_QUERY: ListQuery = { filter: 'all', search: '', sort: 'name', isDescending: false }
const names = (query: Partial<ListQuery>) =>
  queryRows(LISTED_TORRENTS, { ...ALL_QUERY, ...query }).map(({ infoHash }) => infoHash)

t.test('the list is sorted as a reader sorts, and equal torrents by name', async t => {
  t.strictSame(names({}), ['c', 'b', 'a', 'd'])
  t.strictSame(names({ isDescending: true }), ['d', 'a', 'b', 'c'])
  t.strictSame(names({ sort: 'done', isDescending: true }), ['b', 'c', 'a', 'd'])
  t.strictSame(names({ sort: 'eta' }), ['b', 'a', 'c', 'd'])
})

t.test('filters, labels and words reduce the list', async t => {
  t.strictSame(names({ filter: 'downloading' }), ['a'])
  t.strictSame(names({ filter: 'sharing' }), ['b'])
  t.strictSame(names({ filter: 'problem' }), ['d'])
  t.strictSame(names({ label: 'series', search: ' ePISODE  1' }), ['a'])
  t.strictSame(names({ search: 'فيل' }), ['d'])
  t.match(countRows(LISTED_TORRENTS), {
    filters: { all: 4, downloading: 1, sharing: 1, complete: 1, paused: 1, problem: 1 },
    labels: [
      ['new', 1],
      ['series', 2],
    ],
  })
})

t.test('a selection is toggled, extended over the order of the list, and loses what is gone', async t => {
  const order = ['a', 'b', 'c', 'd']
  const one = toggle(NO_SELECTION, 'b')
  t.strictSame([...extendTo(one, order, 'd').chosen], ['b', 'c', 'd'])
  t.strictSame([...extendTo(one, order, 'a').chosen].sort(), ['a', 'b'])
  t.equal(toggle(one, 'b').chosen.size, 0)
  t.equal(selectAll(order).chosen.size, 4)
  t.strictSame([...keepPresent(selectAll(order), key => key !== 'c').chosen], ['a', 'b', 'd'])
  t.equal(
    keepPresent(one, () => true),
    one,
  )
})

t.test('each state is described by a sentence', async t => {
  const words = (changes: Partial<ListedTorrent>) => describeState(torrent('x', changes)).words
  t.equal(words({ down: 9 }), 'Downloading from 1 peer')
  t.equal(words({ peers: 0, reason: 'no peers are known' }), 'Waiting: no peers are known')
  const explained = { peers: 0, reason: 'no peers are known' }
  t.equal(describeState(torrent('x', explained), true).words, 'Waiting for data')
  const metadata = { ...explained, status: 'metadata' as const }
  t.equal(describeState(torrent('x', metadata), true).words, 'Getting its list of files: 0 peers')
  t.equal(words({ status: 'failed', reason: 'the disk is full' }), 'Stopped by an error: the disk is full')
  t.equal(words({ status: 'checking', checked: 0.456 }), 'Checking files, 45%')
  t.equal(words({ status: 'stopped' }), 'Paused')
  t.equal(words({ status: 'seeding', verified: 100 }), 'Complete, ready to share')
  t.equal(words({ status: 'seeding', up: 9 }), 'Incomplete, sharing')
})

t.test('amounts of bytes have three digits, as in the terminal, and exact ones no fraction', async t => {
  t.strictSame([0, 0.4, 999, 1000, 1024, 1536, 99_950, 1_023_000, 64 << 20, 1.234e9, 5e12].map(formatBytes), [
    ...['0 B', '0 B', '999 B', '0.98 KiB', '1 KiB', '1.50 KiB', '97.6 KiB', '999 KiB', '64 MiB', '1.15 GiB'],
    '4.55 TiB',
  ])
  t.equal(formatBytes(1_023_500), '0.98 MiB')
  t.strictSame([0, 0.0004, 0.0567, 0.9999, 1].map(formatPart), ['0%', '0.1%', '5.6%', '99%', '100%'])
  t.strictSame([0.2, 59, 3600, 5400, 90_000, 1e8].map(formatDuration), [
    ...['1 s', '59 s', '1 h', '1 h 30 min', '1 d 1 h', 'over 100 d'],
  ])
  t.strictSame([0.5, 12.34, 123.4].map(formatRatio), ['0.50', '12.3', '123'])
  t.equal(formatRate(0), '')
  t.equal(formatRate(1500), '1.46 KiB/s')
  t.equal(formatCount(10_000, 'torrent'), '10,000 torrents')
})
