import t from 'tap'
import { runAtOnce } from '../../src/codec/steps.ts'
import { create } from '../../src/metainfo/create.ts'
import { openMetainfo } from '../../src/metainfo/parse.ts'
import { arePlain, arePlainNames } from '../../src/metainfo/plain-paths.ts'

const filesOf = (paths: readonly string[]) =>
  paths.map(path => ({
    path: path.split('/'),
    length: 0,
    async *read() {},
  }))

t.test('a torrent of plain paths gives no warning, and keeps them', async t => {
  const paths = [
    'a b/c.txt',
    'a b/d',
    'a bc',
    '.hidden',
    `${'x'.repeat(255)}/~`,
    "it's (1) [2] {3} #4 %5.tar.gz",
  ]
  t.equal(runAtOnce(arePlain(filesOf(paths))), true)
  t.equal(arePlainNames(paths.flatMap(path => path.split('/').slice(-1))), true)
  t.equal(arePlainNames(['Read Me', 'read it', 'x'.repeat(255)]), true)
  const { torrent, warnings } = await create({ name: 'x', files: filesOf(paths) })
  const read = await openMetainfo(torrent, { portableNames: true })
  t.strictSame(warnings, [])
  t.strictSame(read.warnings, [])
  t.strictSame(
    read.files.map(({ path }) => path),
    paths.map(path => `x/${path}`),
  )
})

t.test(
  'each path that is changed on some system is not plain, and create gives the warning of a reader',
  async t => {
    const sets = [
      ['a', 'A'],
      ['a/b', 'a'],
      ['a', 'a/b'],
      ['a/b', 'A/c', 'a/B'],
      ['con'],
      ['sub/lpt1.txt'],
      ['a.'],
      ['sub /b'],
      ['what?'],
      ['a\\b'],
      ['tab\there'],
      ['\u202etxt'],
      ['x'.repeat(256)],
    ]
    for (const paths of sets) {
      const title = JSON.stringify(paths).slice(0, 40)
      t.equal(runAtOnce(arePlain(filesOf(paths))), false, title)
      if (!paths.some(path => path.includes('/'))) t.equal(arePlainNames(paths), false, title)
      const { torrent, warnings } = await create({ name: 'x', files: filesOf(paths) })
      t.strictSame(warnings, (await openMetainfo(torrent, { portableNames: true })).warnings, title)
      t.not(warnings.length, 0, title)
    }
  },
)
