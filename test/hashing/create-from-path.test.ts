import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join, sep } from 'node:path'
import t from 'tap'
import { createFromPath } from '../../src/hashing/create-from-path.ts'
import { HashPool } from '../../src/hashing/hash-pool.ts'
import { create } from '../../src/metainfo/create.ts'
import { parse } from '../../src/metainfo/parse.ts'
import type { SourceFile } from '../../src/metainfo/source-file.ts'
import { noise } from '../helpers/metainfo.ts'

const hashPool = new HashPool({ threads: 2 })
t.teardown(() => hashPool.close())

t.test('a directory gives the same torrent as its files read in order', async t => {
  const contents = new Map([
    ['a', noise(100_000, 1)],
    ['b', Buffer.alloc(0)],
    ['c', noise(3, 2)],
    ['d', noise(16_384, 3)],
  ])
  const directory = t.testdir(Object.fromEntries(contents))
  const files = [...contents].map(([name, bytes]) => ({
    path: [name],
    length: bytes.length,
    async *read() {
      yield bytes
    },
  }))
  for (const format of ['v1', 'hybrid', 'v2'] as const) {
    const options = { name: 'x', pieceLength: 32_768, comment: 'hello', format }
    const expected = await create({ ...options, files })
    const progress: number[] = []
    const made = await createFromPath(directory, {
      ...{ ...options, hashPool },
      onProgress: (bytes, total) => progress.push(bytes / total),
    })
    t.strictSame(made, expected, format)
    t.equal(progress.at(-1), 1)
  }
})

t.test('small files that are read as they are listed give the same torrent', async t => {
  const sizes = [0, 1, 16_384, 16_385, 5, 0, 40_000, 7, 16_383, 9_000, 300]
  const content = (directory: string) =>
    Object.fromEntries(
      sizes.map((size, at) => [String.fromCharCode(97 + at), noise(size, at + directory.length)]),
    )
  // More than one slab of memory has room for.
  const large = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`f${at}`, noise(12_000, at)]))
  const directories = { b: content('b'), ba: { c: content('c') }, d: content('dd'), e: large }
  const directory = t.testdir({ first: content(''), ...directories, z: 'a single file' })
  const read = (path: readonly string[]) => readFileSync(join(directory, ...path))
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map(path => path.split(sep))
    .filter(path => statSync(join(directory, ...path)).isFile())
    .sort((one, other) => (one.join('\0') < other.join('\0') ? -1 : 1))
  const files = paths.map(
    (path): SourceFile => ({
      ...{ path, length: read(path).length },
      async *read() {
        yield read(path)
      },
    }),
  )
  for (const pieceLength of [500, 16_384, 1 << 20]) {
    const options = { name: 'n', pieceLength }
    const expected = await create({ ...options, files })
    t.strictSame(await createFromPath(directory, { ...options, hashPool }), expected, `${pieceLength}`)
    t.strictSame(await createFromPath(directory, { ...options, useMainThread: true }), expected)
  }
})

t.test('names that another system would change give the warnings of a torrent of these files', async t => {
  const sets = [
    ['plain/a', 'plain/b', 'z'],
    ['a', 'A'],
    ['d/a', 'd/A', 'e'],
    ['a/con', 'b'],
    ['con/a'],
    ['b/a', 'con/a'],
    ['A/a', 'a/b'],
    ['b/a', 'b/c/d:/e/f'],
    ['a./b'],
    ['tab\there/b'],
    [`${'x'.repeat(200)}/${'y'.repeat(200)}/${'z'.repeat(200)}/${'w'.repeat(200)}/${'v'.repeat(250)}`],
  ]
  for (const [at, paths] of sets.entries()) {
    const directory = join(t.testdir(), `${at}`)
    for (const path of paths) {
      mkdirSync(join(directory, path, '..'), { recursive: true })
      writeFileSync(join(directory, path), path)
    }
    const files = [...paths].sort().map(path => ({
      ...{ path: path.split('/'), length: path.length },
      async *read() {
        yield Buffer.from(path)
      },
    }))
    const expected = await create({ name: 'n', files })
    t.strictSame(
      await createFromPath(directory, { name: 'n', hashPool }),
      expected,
      paths.join().slice(0, 40),
    )
  }
})

t.test('BEP 47: executables and links inside the directory are kept, in each format', async t => {
  const directory = t.testdir({ run: 'abc', plain: '', sub: { x: noise(20_000, 4) } })
  chmodSync(join(directory, 'run'), 0o755)
  for (const [name, target] of Object.entries({
    ...{ 'sub/up': '../run', 'sub/same': './x', away: '../../etc', rooted: '/etc', self: '.', gone: 'a/b' },
  }))
    symlinkSync(target, join(directory, name))
  for (const format of ['v1', 'hybrid', 'v2'] as const) {
    const options = { name: 'n', format, pieceLength: 16_384, hashPool }
    const made = await createFromPath(directory, { ...options, attributes: true })
    const { files, format: read, warnings } = parse(made.torrent)
    t.same([read, warnings], [format, []])
    t.same(
      files.filter(({ pad }) => !pad).map(({ executable, path, symlink }) => [path, executable, symlink]),
      [
        ['n/gone', false, 'n/a/b'],
        ['n/plain', false, undefined],
        ['n/run', true, undefined],
        ['n/sub/same', false, 'n/sub/x'],
        ['n/sub/up', false, 'n/run'],
        ['n/sub/x', false, undefined],
      ],
    )
    const leftOut = (name: string) => `"${name}": a symlink that leads out of the directory is left out`
    t.same(made.warnings, ['away', 'rooted', 'self'].map(leftOut))
    const plain = parse((await createFromPath(directory, options)).torrent)
    t.notOk(plain.files.some(({ executable, symlink }) => executable || symlink !== undefined))
    const single = await createFromPath(join(directory, 'run'), { ...options, attributes: true })
    t.same(
      parse(single.torrent).files.map(({ executable }) => executable),
      [true],
      `${format}, one file`,
    )
  }
})

t.test('a link without a target, or with content, is rejected', async t => {
  const file = { path: ['a'], length: 0, read: async function* () {} }
  for (const bad of [
    { ...file, symlink: [] },
    { ...file, length: 1, symlink: ['b'] },
    { ...file, path: [], symlink: ['b'] },
  ])
    await t.rejects(create({ name: 'n', files: [bad] }), { code: 'ERR_USAGE' })
  const outside = { ...file, symlink: ['..', '..', 'b'] }
  await t.rejects(create({ name: 'n', files: [outside] }), { code: 'ERR_PATH' })
})

t.test('files of many jobs and levels are read in the order of their names, at any piece length', async t => {
  const directory = t.testdir()
  const files: SourceFile[] = []
  const parents = new Set<string>()
  const add = (path: string[], bytes: Buffer) => {
    const parent = join(directory, ...path.slice(0, -1))
    if (!parents.has(parent)) mkdirSync(parent, { recursive: true })
    parents.add(parent)
    writeFileSync(join(directory, ...path), bytes)
    const read = async function* () {
      yield bytes
    }
    files.push({ path, length: bytes.length, read })
  }
  for (let at = 0; at < 2_100; at++) {
    const name = String(at).padStart(4, '0')
    add(at % 50 === 7 ? ['a', name, 'x', 'y'] : ['a', name], noise(at % 5, at))
  }
  add(['b'], noise(300_000, 1))
  add(['c', 'd'], noise(7, 2))
  for (const pieceLength of [1_000, 1 << 24]) {
    const options = { name: 'x', pieceLength }
    const made = await createFromPath(directory, { ...options, hashPool })
    t.strictSame(made, await create({ ...options, files }), String(pieceLength))
  }
})

t.test('names that are not UTF-8 are found', { skip: process.platform !== 'linux' }, async t => {
  const directory = t.testdir({ sub: {} })
  const bytes = Buffer.from([0x61, 0xff])
  const path = Buffer.concat([Buffer.from(join(directory, 'sub/')), bytes])
  writeFileSync(path, noise(9, 1))
  const { torrent } = await createFromPath(directory, { name: 'x', hashPool })
  t.ok(torrent.includes(Buffer.concat([Buffer.from('4:pathl3:sub2:'), bytes])))
})

t.test('a file gives a torrent of one file, with its name', async t => {
  const path = join(t.testdir({ 'a file': noise(40_000, 1) }), 'a file')
  const bytes = noise(40_000, 1)
  async function* read() {
    yield bytes
  }
  t.strictSame(
    await createFromPath(path, { hashPool, pieceLength: 32_768 }),
    await create({ name: 'a file', files: [{ path: [], length: 40_000, read }], pieceLength: 32_768 }),
  )
})

/** A pool that changes the files after it listed them. */
class ChangedFilesPool extends HashPool {
  readonly #change: () => void

  constructor(change: () => void) {
    super({ threads: 1 })
    this.#change = change
  }

  override async list(directory: string) {
    const files = await super.list(directory)
    this.#change()
    return files
  }
}

t.test('a file that changes while it is hashed is named', async t => {
  for (const length of [5, 70_000]) {
    const directory = t.testdir({ a: noise(10, 1), b: noise(60_000, 2) })
    const path = join(directory, 'b')
    const hashPool = new ChangedFilesPool(() => writeFileSync(path, noise(length, 3)))
    t.teardown(() => hashPool.close())
    for (const format of ['v1', 'v2'] as const) {
      writeFileSync(path, noise(60_000, 2))
      await t.rejects(createFromPath(directory, { hashPool, pieceLength: 16_384, format }), {
        code: 'ERR_METAINFO',
        message: `${path}: expected 60000 bytes, got ${length}; the file may have changed`,
      })
    }
  }
})

t.test('a file that cannot be read is named, with the reason', async t => {
  const directory = t.testdir({ empty: {} })
  const none = join(directory, 'none')
  await t.rejects(createFromPath(none, { hashPool }), {
    code: 'ERR_USAGE',
    message: `cannot read ${none}: no such file or directory`,
  })
  await t.rejects(createFromPath(join(directory, 'empty'), { hashPool }), {
    code: 'ERR_USAGE',
    message: /the directory contains no files/,
  })
})

t.test('an abort stops the creation', async t => {
  const directory = t.testdir({ a: noise(100_000, 1) })
  const signal = AbortSignal.abort(new Error('enough'))
  await t.rejects(createFromPath(directory, { hashPool, signal }), { code: 'ERR_ABORTED' })
})
