import t from 'tap'
import { Bitfield } from '../../../src/codec/bitfield.ts'
import { Layout } from '../../../src/metainfo/layout.ts'
import { listTorrentFiles } from '../../../src/session/files/torrent-files.ts'
import { readFileList, recordFileList } from '../../../src/session/records/file-list.ts'
import { FilePriorities } from '../../../src/session/records/file-priorities.ts'
import { formatIndices, parseIndices } from '../../../src/session/records/index-ranges.ts'
import { chooseRunning, type Queued } from '../../../src/session/rules/queue.ts'
import { endOfSharing, seedLimit } from '../../../src/session/rules/seed-rules.ts'
import { TransferMeter } from '../../../src/session/rules/transfer-meter.ts'
import { isWithin } from '../../../src/session/rules/weekly-times.ts'
import { makeTorrent } from '../../helpers/metainfo.ts'
import { hybridFilesTorrent } from '../../helpers/v2-torrent.ts'

let ids = 0
const queued = (order: number, options: Partial<Queued> = {}): Queued => ({
  ...{ id: ++ids, order, intent: 'started', isDownload: true, isRunning: false, isStalled: false },
  ...options,
})
const orders = (torrents: Set<Queued>) => [...torrents].map(({ order }) => order).sort()

t.test('the queue starts the first of each kind, as many as there are places', async t => {
  const torrents = [
    queued(3),
    queued(1),
    queued(2),
    queued(4, { isDownload: false }),
    queued(5, { isDownload: false }),
    queued(0, { intent: 'stopped' }),
  ]
  t.strictSame(orders(chooseRunning(torrents, { downloads: 2, seeds: 1 })), [1, 2, 4])
  t.strictSame(orders(chooseRunning(torrents, { downloads: 0, seeds: 0 })), [])
  const all = { downloads: Number.POSITIVE_INFINITY, seeds: Number.POSITIVE_INFINITY }
  t.strictSame(orders(chooseRunning(torrents, all)), [1, 2, 3, 4, 5])
})

t.test(
  'a torrent that runs keeps its place before one that waits, and the last ones lose theirs',
  async t => {
    const torrents = [queued(1), queued(2, { isRunning: true }), queued(3, { isRunning: true })]
    t.strictSame(orders(chooseRunning(torrents, { downloads: 2, seeds: 0 })), [2, 3])
    t.strictSame(orders(chooseRunning(torrents, { downloads: 1, seeds: 0 })), [2])
  },
)

t.test('stalled and forced torrents take no place', async t => {
  const torrents = [
    queued(1, { isRunning: true, isStalled: true }),
    queued(2, { intent: 'forced' }),
    queued(3),
    queued(4),
    queued(5, { intent: 'stopped', isRunning: true, isStalled: true }),
  ]
  t.strictSame(orders(chooseRunning(torrents, { downloads: 1, seeds: 0 })), [1, 2, 3])
})

t.test('torrents with the same order run in the order of their ids', async t => {
  const [first, second] = [queued(1), queued(1)]
  t.strictSame([...chooseRunning([second, first], { downloads: 1, seeds: 0 })], [first])
})

t.test('sharing ends with the first rule that is met', async t => {
  const none = { ratio: undefined, idleTime: undefined, seedingTime: undefined }
  const shared = { ratio: 1, idleTime: 100, seedingTime: 1000 }
  t.equal(endOfSharing(shared, none), undefined)
  t.equal(endOfSharing(shared, { ...none, ratio: 1 }), 'ratio')
  t.equal(endOfSharing(shared, { ...none, ratio: 1.1 }), undefined)
  t.equal(endOfSharing(shared, { ...none, idleTime: 100 }), 'idle')
  t.equal(endOfSharing(shared, { ...none, seedingTime: 1000 }), 'time')
})

t.test('a torrent has the limit of the session, its own or none', async t => {
  const session = { enabled: true, value: 2 }
  t.equal(seedLimit({ mode: 'session', value: 1 }, session), 2)
  t.equal(seedLimit({ mode: 'session', value: 1 }, { ...session, enabled: false }), undefined)
  t.equal(seedLimit({ mode: 'own', value: 1 }, session), 1)
  t.equal(seedLimit({ mode: 'none', value: 1 }, session), undefined)
})

t.test('times of the week may end on the next day', async t => {
  const [sunday, monday, tuesday] = [0, 1, 2]
  const day = { from: 540, to: 1020, days: [monday] }
  t.equal(isWithin(day, { day: monday, minute: 540 }), true)
  t.equal(isWithin(day, { day: monday, minute: 1020 }), false)
  t.equal(isWithin(day, { day: sunday, minute: 600 }), false)
  const night = { from: 1320, to: 360, days: [monday] }
  t.equal(isWithin(night, { day: monday, minute: 1330 }), true)
  t.equal(isWithin(night, { day: tuesday, minute: 359 }), true)
  t.equal(isWithin(night, { day: monday, minute: 359 }), false)
  t.equal(isWithin(night, { day: tuesday, minute: 360 }), false)
})

t.test('indices are written as ranges', async t => {
  for (const [indices, text] of [
    [[], ''],
    [[0], '0'],
    [[0, 1, 2, 5, 7, 8], '0-2,5,7-8'],
  ] as const) {
    t.equal(formatIndices(indices), text)
    t.strictSame([...parseIndices(text, 100)], indices)
  }
  t.strictSame([...parseIndices('0-1000000000', 3)], [0, 1, 2])
  t.throws(() => [...parseIndices('a', 3)], { code: 'ERR_USAGE' })
})

t.test('priorities of files are recorded where they are not normal', async t => {
  const priorities = new FilePriorities(6, { off: '0-1', low: '', high: '5' })
  t.equal(priorities.isWanted(0), false)
  t.equal(priorities.get(5), 'high')
  t.equal(priorities.get(3), 'normal')
  priorities.set(0, 'low')
  t.strictSame(priorities.toRecord(), { off: '1', low: '0', high: '5' })
})

t.test('times are counted by what the torrent does, and idle since the last byte', async t => {
  const meter = new TransferMeter(1000)
  const bytes = { downloaded: 0, uploaded: 0, wasted: 0 }
  meter.update(bytes, 'other', 2000)
  meter.update(bytes, 'downloading', 3000)
  t.strictSame(meter.update({ ...bytes, downloaded: 5 }, 'downloading', 4000), { ...bytes, downloaded: 5 })
  t.equal(meter.downloadingTime, 2000)
  t.equal(meter.idleTime(5000), 1000)
  meter.update({ ...bytes, downloaded: 5 }, 'seeding', 6000)
  t.equal(meter.seedingTime, 2000)
  t.equal(meter.unsentTime(7000), 1000)
})

t.test('the files of a record are those of the .torrent, whatever its format and padding', async t => {
  const files = [
    { path: 'a/one', length: 40_000 },
    { path: 'a/.pad', length: 9152, pad: true },
    { path: 'a/empty', length: 0 },
    { path: 'a/two', length: 100_000 },
  ]
  for (const { metainfo } of [
    makeTorrent({ files, name: 'a' }),
    hybridFilesTorrent('hybrid'),
    hybridFilesTorrent('v2'),
  ]) {
    const { pieceCount } = metainfo
    const pieces = new Bitfield(pieceCount)
    for (let index = 0; index < pieceCount; index += 2) pieces.add(index)
    const priorities = new FilePriorities(metainfo.files.length)
    const list = readFileList(recordFileList(metainfo, {}), {})!
    const layout = new Layout(metainfo)
    const listed = listTorrentFiles(list, pieces, priorities)
    const expected = metainfo.files.flatMap(({ length, pad, path }, index) => {
      const { first, last } = layout.piecesOf(index) ?? {}
      const completed = [...pieces]
        .flatMap(at => layout.spans(layout.pieceRange(at).position, layout.pieceSize(at)))
        .reduce((sum, span) => sum + (span.fileIndex === index ? span.length : 0), 0)
      return pad
        ? []
        : [
            {
              index,
              path,
              length,
              completed,
              ...(length > 0 ? { firstPiece: first, endPiece: last! + 1 } : {}),
            },
          ]
    })
    t.match(listed, expected, metainfo.format)
  }
})

t.test('a record has no list of files that is too long, invalid, or for other names of files', async t => {
  const { metainfo } = makeTorrent({ files: [{ path: 'a', length: 1 }] })
  const many = Array.from({ length: 200 }, (_, index) => ({
    path: `a long name of a file ${index}`,
    length: 1,
  }))
  t.equal(recordFileList(makeTorrent({ files: many }).metainfo, {}), null)
  const list = recordFileList(metainfo, { portableNames: false })
  t.equal(readFileList(list, { portableNames: true }), undefined)
  const beyond = list!.replace(/\[0,0,1,/, '[0,1,1,')
  for (const recorded of [null, '', '{}', '[7', 'null', beyond, list!.replace('"a"', '1')])
    t.equal(readFileList(recorded, {}), undefined)
})
