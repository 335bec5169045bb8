import t from 'tap'
import { formatFiles, selectFiles } from '../../src/cli/selection.ts'
import { makeTorrent } from '../helpers/metainfo.ts'

const { metainfo } = makeTorrent({
  name: 'show',
  files: [
    { path: 'show/one.mkv', length: 10 },
    { path: 'show/.pad/6', length: 6, pad: true },
    { path: 'show/extra/one.srt', length: 20 },
    { path: 'show/extra/.hidden', length: 30 },
    { path: 'show/2', length: 40 },
  ],
})

t.test('an index, a path or a glob, with or without the name in front', async t => {
  const rows: [string[], number[]][] = [
    [['0'], [0]],
    [['2'], [2]], // an index before a name
    [['show/2'], [4]],
    [['one.mkv'], [0]],
    [['show/one.mkv'], [0]],
    [['*.mkv'], [0]],
    [['one.*'], [0, 2]],
    [['extra/*'], [2, 3]],
    [['show/extra/**'], [2, 3]],
    [['*'], [0, 2, 3, 4]],
    [
      ['*.srt', '0', '0'],
      [0, 2],
    ],
  ]
  for (const [wanted, indices] of rows)
    t.strictSame([...(await selectFiles(metainfo, wanted))!].sort(), indices, wanted.join(' '))
  t.equal(await selectFiles(metainfo, undefined), undefined)
  t.equal(await selectFiles(metainfo, []), undefined)
})

t.test('a pattern without a match is rejected with a list of the files', async t => {
  for (const want of ['1', '9', 'ONE.mkv', 'show', 'x*', '../one.mkv'])
    await t.rejects(
      selectFiles(metainfo, [want]),
      { code: 'ERR_USAGE', listing: formatFiles(metainfo) },
      want,
    )
  await t.rejects(selectFiles(metainfo, ['*'.repeat(100_000)]), { code: 'ERR_USAGE', message: /not a glob/ })
  t.equal(formatFiles(metainfo).split('\n').length, 4)
  t.match(formatFiles(metainfo), /^ {2}2 {2}show\/extra\/one.srt {2}\(20 bytes\)$/m)
})
