import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { createFromPath } from '../../src/hashing/create-from-path.ts'
import { HashPool } from '../../src/hashing/hash-pool.ts'
import { parse } from '../../src/metainfo/parse.ts'
import { check } from '../../src/pipeline/resume/check.ts'
import { FileStorage } from '../../src/storage/file-storage.ts'
import { locate } from '../../src/storage/locate.ts'
import { anyCharacter } from '../helpers/any-character.ts'
import { tsdl } from '../helpers/cli.ts'
import { inProject } from '../helpers/project.ts'

/** Names that some system or client changes. They are bytes, because Linux allows all but 0 and `/`. */
const oddNames = fc.constantFrom(
  'a\\b',
  'a_b',
  'ab',
  'a:b',
  'a?b',
  '<x>|y*"',
  'dot.',
  'dot',
  'dots...',
  'space ',
  ' space',
  '..foo',
  '...',
  '.hidden',
  'CON',
  'con',
  '_CON',
  'CON_',
  'nul.txt',
  'a\nb',
  'a\tb',
  'a\u0001b',
  'a%01b',
  'a\u007fb',
  '\u001b[31m',
  'gpj\u202eexe',
  'gpjexe',
  '\ufeffbom',
  '\u00e9',
  'e\u0301',
  'A.txt',
  'a.TXT',
  'a (1).TXT',
  'a_b (1)',
  'x'.repeat(255),
  `${'x'.repeat(250)}?.a`,
  `${'\u00e9'.repeat(127)}x`,
  '\u{1f600}',
  '%2F',
  '-rf',
  '~',
  '$HOME',
)
const name = fc
  .oneof(
    { weight: 3, arbitrary: oddNames.map(text => Buffer.from(text)) },
    {
      weight: 1,
      arbitrary: fc.uint8Array({ minLength: 1, maxLength: 8 }).map(bytes => Buffer.from(bytes)),
    },
    {
      weight: 1,
      arbitrary: fc.string({ unit: anyCharacter, minLength: 1, maxLength: 6 }).map(text => Buffer.from(text)),
    },
  )
  .filter(
    bytes =>
      !bytes.includes(0) && !bytes.includes('/') && !['.', '..', ''].includes(bytes.toString('latin1')),
  )
const textName = oddNames.filter(text => !/[/\0]/.test(text))

/** Writes a file, unless a file is in place of one of its directories or a directory in its place. */
function write(root: string, names: readonly Buffer[], content: string): void {
  const path = Buffer.concat([Buffer.from(root), ...names.flatMap(one => [Buffer.from('/'), one])])
  try {
    mkdirSync(Buffer.from(dirname(path.toString('latin1')), 'latin1'), { recursive: true })
    writeFileSync(path, content, { flag: 'wx' })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (!['EEXIST', 'ENOTDIR', 'EISDIR', 'EILSEQ', 'ENAMETOOLONG'].includes(code ?? '')) throw error
  }
}

t.test(
  'a torrent of any tree of names is verified against that tree, with and without portable names',
  async t => {
    const base = await mkdtemp(join(tmpdir(), 'tsdl-names-'))
    t.teardown(() => rmSync(base, { recursive: true, force: true }))
    const hashPool = new HashPool({ threads: 1 })
    t.teardown(() => hashPool.close())
    let run = 0
    await fc.assert(
      fc.asyncProperty(
        textName,
        fc.array(fc.array(name, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        async (rootName, tree, portableNames) => {
          const around = join(base, String(run++))
          const root = join(around, rootName)
          mkdirSync(root, { recursive: true })
          tree.forEach((names, index) => {
            write(root, names, `content of ${index}`.repeat(index + 1))
          })
          const { torrent } = await createFromPath(root, { hashPool, name: rootName, pieceLength: 64 })
          const metainfo = parse(torrent, { portableNames })
          for (const path of [root, around]) {
            const located = await locate(metainfo, path, { portableNames })
            const storage = new FileStorage(located.metainfo, { directory: located.directory })
            const verified = await check({ metainfo: located.metainfo, storage })
            await storage.close()
            if (!verified.full) {
              const paths = located.metainfo.files.map(file => file.path)
              throw new Error(`${verified.count} of ${verified.size} at ${path}: ${JSON.stringify(paths)}`)
            }
          }
          rmSync(around, { recursive: true })
        },
      ),
      { numRuns: 100 },
    )
  },
)

t.test(
  'verify finds every file of a torrent with unusual names, with and without --portable-names',
  async t => {
    const cwd = t.testdir({ 'What? A: "Film"': { 'AC\\DC.mp3': 'one', 'dot.': 'two', 'new\nline': 'three' } })
    const made = await tsdl(['create', 'What? A: "Film"', '-o', 'x.torrent'], { cwd })
    t.equal(made.code, 0)
    for (const path of ['.', 'What? A: "Film"'])
      for (const option of [[], ['--portable-names']])
        t.match(
          await tsdl(['verify', 'x.torrent', path, ...option], { cwd }),
          { code: 0 },
          `${path} ${option}`,
        )
  },
)

t.test('paths are those of this system, or with --portable-names those of every system', async t => {
  const torrent = inProject('fixtures/windows-only-names.torrent')
  const paths = async (...options: string[]) => {
    const { stdout } = await tsdl(['info', torrent, '--json', ...options])
    return JSON.parse(stdout.toString()).files.map(({ path }: { path: string }) => path)
  }
  t.same(
    await paths(),
    ['a:b?.txt', '<x>|y*', 'dot.', 'CON'].map(name => `What? A: "Film"/${name}`),
  )
  t.same(
    await paths('--portable-names'),
    ['a_b_.txt', '_x__y_', 'dot', '_CON'].map(name => `What_ A_ _Film_/${name}`),
  )
})

t.test('a download continues with files that were saved under the names of the other option', async t => {
  const cwd = t.testdir({
    'What? A: "Film"': { 'a?.bin': 'one', 'b.bin': 'two' },
    out: { 'What_ A_ _Film_': { 'a_.bin': 'one', 'b.bin': 'two' } },
    new: { 'What? A: "Film"': { 'a?.bin': 'one', 'b.bin': 'two' } },
  })
  await tsdl(['create', 'What? A: "Film"', '-o', 'x.torrent'], { cwd })
  const get = (...args: string[]) =>
    tsdl(['x.torrent', '--no-dht', '--no-lsd', '--no-listen', '--timeout', '1s', ...args], { cwd })
  t.match(await get('-o', 'out'), { code: 0 })
  t.same(readdirSync(join(cwd, 'out')), ['What_ A_ _Film_'])
  t.match(await get('-o', 'new', '--portable-names'), { code: 0 })
  t.same(readdirSync(join(cwd, 'new')), ['What? A: "Film"'])
})
