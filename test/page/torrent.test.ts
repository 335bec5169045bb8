import t from 'tap'
import { describeWait } from '../../src/page/player/describe-wait.ts'
import { decodeSubtitles, findSubtitles, parseSubtitles } from '../../src/page/player/subtitles.ts'
import { describePeer, describeSource } from '../../src/page/torrent/describe-peer.ts'
import { describeCell, describePieces } from '../../src/page/torrent/describe-pieces.ts'
import { fileTreeOf } from '../../src/page/torrent/file-tree.ts'
import { formatAgo, formatIn } from '../../src/page/torrent/format-time.ts'
import { mediaTypeOf } from '../../src/page/torrent/media-type.ts'
import { cellRectangle, findCell, layOutCells } from '../../src/page/torrent/piece-grid.ts'
import { rateSeriesOf } from '../../src/page/torrent/rate-series.ts'
import type { ListedPeer, ListedPieces, TorrentDocument } from '../../src/server/page/torrent-documents.ts'

t.test('cells of a map fill the width, do not overlap, and are found where they are drawn', async t => {
  for (const count of [1, 10, 64, 511, 512])
    for (const width of [280, 371, 1046]) {
      const grid = layOutCells(count, width)
      t.ok(grid.height <= 170, `${count} cells in ${width} pixels are ${grid.height} high`)
      let end = 0
      for (let cell = 0; cell < count; cell++) {
        const [x, y, w, h] = cellRectangle(grid, cell)
        if (x === 0) end = 0
        if (x < end || x + w > width || y + h > grid.height || w < 1)
          t.fail(`cell ${cell} of ${count} in ${width}`)
        end = x + w
        if (findCell(grid, count, x + w / 2, y + h / 2) !== cell) t.fail(`cell ${cell} is not found`)
      }
    }
  const grid = layOutCells(10, 300)
  t.equal(findCell(grid, 10, 301, 5), -1)
  t.equal(findCell(grid, 10, 5, 100), -1)
})

t.test('pieces are described in words', async t => {
  const pieces: ListedPieces = {
    ...{
      count: 100,
      cellSize: 1,
      rows: {},
      have: 40,
      active: 2,
      next: 1,
      missing: 50,
      seeds: 1,
      availability: 1.5,
    },
  }
  t.equal(
    describePieces(pieces),
    '40 of 100 pieces are here, 2 in flight, 1 needed next, 50 missing, 10 not wanted',
  )
  t.equal(
    describeCell(pieces, { part: 0, state: 'next', copies: 0 }, 6),
    'Piece 7: needed next; 1 connected peer has it',
  )
  t.equal(
    describeCell({ ...pieces, cellSize: 3, seeds: 0 }, { part: 0.5, state: 'missing', copies: 0 }, 33),
    'Piece 100: about 50% here, missing; no connected peer has it',
  )
})

t.test('samples become ten minutes of rates, with zeros where nothing was transferred', async t => {
  const { down, times, up } = rateSeriesOf({
    sampleMs: 2000,
    now: 500,
    samples: { 499: [4000, 200], 300: [2, 0] },
  })
  t.equal(times.length, 299)
  t.strictSame([times[0], times.at(-1)], [-598, -2])
  t.strictSame([down.at(-1), up.at(-1)], [2000, 100])
  t.equal(
    down.reduce((sum, rate) => sum + rate, 0),
    2001,
  )
})

t.test('files are arranged by their directories, with sums', async t => {
  const file = (path: string, length: number, have = 0, priority: 'normal' | 'off' = 'normal') => ({
    ...{ path, length, have, priority },
  })
  const root = fileTreeOf({
    0: file('a/one', 10, 10),
    2: file('a/b/two', 20, 5),
    3: file('a/b/three', 30, 0, 'off'),
    5: file('a/four', 0),
  })
  const [a] = root.directories
  t.match(a, { name: 'a', path: 'a', length: 60, have: 15, indices: [2, 3, 0, 5], wanted: [2, 0, 5] })
  t.match(a!.directories[0], { name: 'b', path: 'a/b', length: 50, indices: [2, 3], wanted: [2] })
  t.strictSame(
    a!.files.map(({ index, name }) => [index, name]),
    [
      [0, 'one'],
      [5, 'four'],
    ],
  )
  t.match(fileTreeOf({ 0: file('single', 1) }), { directories: [], files: [{ name: 'single' }] })
})

t.test('subtitles of a film are found by its name and the language in theirs', async t => {
  const found = findSubtitles('F/film.mkv', [
    ...['F/film.mkv', 'F/film.srt', 'F/film.en.srt', 'F/film.de.forced.vtt', 'F/other.fr.srt', 'film.es.srt'],
    ...['F/Subs/English.srt', 'F/subs/deep/it.srt', 'F/subs/film.it.srt', 'F/film.en.txt', 'G/film.pt.srt'],
  ])
  t.strictSame(
    found.map(({ label, language, path }) => [path, language, label]),
    [
      ['F/film.srt', '', 'Subtitles'],
      ['F/film.en.srt', 'en', 'English'],
      ['F/film.de.forced.vtt', 'de', 'German (de.forced)'],
      ['F/Subs/English.srt', '', 'English'],
      ['F/subs/film.it.srt', 'it', 'Italian'],
    ],
  )
  t.strictSame(findSubtitles('film(1)+.mkv', ['film(1)+.en.srt']).length, 1)
})

t.test('SubRip and WebVTT become cues, and what is invalid is left out', async t => {
  const srt =
    '\uFEFF1\r\n00:00:01,500 --> 00:00:03,250\r\n<font color="#fff">One</font>\r\n\r\n2\r\n00:00:05,000 --> 00:00:04,000\r\nbackwards\r\n\r\n3\r\n01:00:00,5 --> 01:00:02,000 X1:0\r\n{\\an8}Two\r\nlines\r\n\r\nnonsense\r\n'
  t.strictSame(parseSubtitles(srt), [
    { start: 1.5, end: 3.25, text: 'One' },
    { start: 3600.5, end: 3602, text: 'Two\nlines' },
  ])
  const vtt =
    'WEBVTT - title\n\nNOTE nothing\n\nname\n00:01.000 --> 00:02.000 line:0\n<b>Hi</b>\n\n00:03.000 --> 00:04.000\n'
  t.strictSame(parseSubtitles(vtt), [{ start: 1, end: 2, text: '<b>Hi</b>' }])
  t.strictSame(parseSubtitles(''), [])
})

t.test('subtitles in the encodings of old programs are decoded', async t => {
  t.equal(decodeSubtitles(Buffer.from('schön')), 'schön')
  t.equal(decodeSubtitles(Buffer.from([0x73, 0xf6])), 'sö')
  t.equal(decodeSubtitles(Buffer.from('\uFEFFhö', 'utf16le')), 'hö')
})

t.test('a film without data has the reason for its wait', async t => {
  const document = {
    torrent: { isReadable: true, status: 'downloading' },
    pieces: { count: 40 },
    awaited: { first: 11, last: 13, part: 0.352, peers: 2 },
  } as unknown as TorrentDocument
  t.equal(describeWait(document), 'Waiting for pieces 12 to 14 of 40: 35% of piece 12 is here, from 2 peers.')
  const alone = { first: 11, last: 11, part: 0, peers: 0 }
  t.equal(
    describeWait({ ...document, awaited: alone, why: 'no peers are known' }),
    'Waiting for piece 12 of 40. No peers are known.',
  )
  t.equal(describeWait({ ...document, awaited: alone }), 'Waiting for piece 12 of 40. No peer sends it yet.')
  const stopped = { ...document.torrent, isReadable: false, status: 'stopped' as const }
  t.match(describeWait({ ...document, torrent: stopped }), /does not run/)
  t.match(
    describeWait({ ...document, torrent: { ...stopped, status: 'failed', reason: 'the disk is full' } }),
    /the disk is full/,
  )
})

t.test('a peer is described in words', async t => {
  const peer: ListedPeer = {
    ...{ address: '192.0.2.1:9', client: 'x', source: 'PEX', isEncrypted: false, part: 1, down: 0, up: 0 },
    ...{ downloaded: 0, uploaded: 0, outstanding: 0, since: 0 },
    ...{ isWanted: true, isChoking: true, isInterested: false, isChoked: true, isSnubbed: false },
  }
  t.equal(describePeer(peer), 'makes us wait')
  t.equal(describePeer({ ...peer, isChoking: false, outstanding: 2 }), 'was asked')
  t.equal(
    describePeer({ ...peer, isChoking: false, down: 5, isInterested: true }),
    'sends to us; waits for us',
  )
  t.equal(
    describePeer({ ...peer, isSnubbed: true, up: 9 }),
    'does not answer our requests; gets data from us',
  )
  t.equal(describePeer({ ...peer, isWanted: false, part: 0 }), 'has nothing yet')
  t.equal(describeSource('https://tracker.example/'), 'named by https://tracker.example/')
  t.equal(describeSource('DHT'), 'found in the DHT')
})

t.test('times are relative, and the media type of a file follows from its name', async t => {
  t.equal(formatAgo(0, 1000), 'just now')
  t.equal(formatAgo(0, 180_000), '3 min ago')
  t.equal(formatIn(90_000, 0), 'in 2 min')
  t.equal(formatIn(0, 5000), 'now')
  t.strictSame(['a.MKV', 'b/c.opus', 'd.txt', 'mp4'].map(mediaTypeOf), [
    'video',
    'audio',
    undefined,
    undefined,
  ])
})
