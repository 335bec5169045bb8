import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { HashPool } from '../../src/hashing/hash-pool.ts'
import type { PieceShape } from '../../src/metainfo/piece-digest.ts'
import { PieceTrees } from '../../src/metainfo/piece-trees.ts'
import { noise } from '../helpers/metainfo.ts'
import { hybridFilesTorrent } from '../helpers/v2-torrent.ts'

const sha1 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest()

function setup(t: Test, threads = 2, useMainThread = false) {
  const pool = new HashPool({ threads, useMainThread })
  t.teardown(() => pool.close())
  const directory = t.testdir()
  const write = (name: string, length: number) => {
    const bytes = noise(length, name.length)
    const path = join(directory, name)
    writeFileSync(path, bytes)
    return { path, bytes }
  }
  return { directory, pool, write }
}

t.test('pieces are hashed from paths and descriptors, across files, in the order of the job', async t => {
  const { pool, write } = setup(t)
  const one = write('one', 700_001)
  const other = write('other', 5)
  const fd = openSync(one.path, 'r')
  t.teardown(() => closeSync(fd))
  const hashes = await pool.hash([
    [{ file: one.path, offset: 0, length: 700_001, toEnd: true }],
    [
      { file: fd, offset: 699_999, length: 2 },
      { file: other.path, offset: 0, length: 5 },
      { file: one.path, offset: 1, length: 3 },
    ],
    [],
  ])
  t.strictSame(
    hashes.map(hash => Buffer.from(hash as Uint8Array)),
    [
      sha1(one.bytes),
      sha1(Buffer.concat([one.bytes.subarray(699_999), other.bytes, one.bytes.subarray(1, 4)])),
      sha1(Buffer.alloc(0)),
    ],
  )
})

t.test('a file that is too short or too long has no hash, and the other pieces have theirs', async t => {
  const { pool, write } = setup(t)
  const { path, bytes } = write('file', 100)
  const long = { file: path, offset: 90, length: 20 }
  const short = { file: path, offset: 0, length: 50, toEnd: true }
  const [missing, grown, right] = await pool.hash([[long], [short], [{ file: path, offset: 0, length: 100 }]])
  t.strictSame(missing, { range: long, present: 100 })
  t.strictSame(grown, { range: short, present: 100 })
  t.strictSame(Buffer.from(right as Uint8Array), sha1(bytes))
})

t.test('a file that cannot be opened rejects its job alone, with the error of the system', async t => {
  const { directory, pool, write } = setup(t, 1)
  const path = join(directory, 'none')
  const job = pool.hash([[{ file: path, offset: 0, length: 1 }]])
  await t.rejects(job, { code: 'ENOENT', path, syscall: 'open' })
  const written = write('there', 9)
  const [hash] = await pool.hash([[{ file: written.path, offset: 0, length: 9 }]])
  t.strictSame(Buffer.from(hash as Uint8Array), sha1(written.bytes))
  await t.rejects(pool.hash([[{ file: directory, offset: 0, length: 1 }]]), {
    code: 'EISDIR',
    path: directory,
  })
})

t.test('a list has the regular files below a directory, in the order of their names', async t => {
  const { directory, pool, write } = setup(t)
  mkdirSync(join(directory, 'sub'))
  for (const [name, length] of [
    ['b', 2],
    ['sub/c', 0],
    ['a', 1],
  ] as const)
    write(name, length)
  symlinkSync('a', join(directory, 'link'))
  const listed = await pool.list(directory)
  t.strictSame(
    listed.map(({ length, path }) => ({ length, path })),
    [
      { path: ['a'], length: 1 },
      { path: ['b'], length: 2 },
      { path: ['sub', 'c'], length: 0 },
    ],
  )
  await t.rejects(pool.list(join(directory, 'none')), { code: 'ENOENT' })
})

t.test('a list has the bytes of small files, as many as were asked for', async t => {
  const { directory, pool, write } = setup(t)
  const written = ['a', 'b', 'c', 'd'].map(name => write(name, 10_000).bytes)
  const sizes = [10_000, 10_000, 10_000, 10_000]
  for (const [room, count] of [
    [0, 0],
    [150_000, 3],
    [1 << 20, 4],
  ] as const) {
    const listed = await pool.list(directory, undefined, { contentBytes: room })
    t.same(
      listed.map(({ length }) => length),
      sizes,
    )
    const read = listed.flatMap(({ contentOffset, directory: { content }, length }) =>
      contentOffset >= 0 ? [Buffer.from(content!.subarray(contentOffset, contentOffset + length))] : [],
    )
    t.same(read, written.slice(0, count))
  }
})

/** Hashes bytes once a thread is ready for them. */
async function hashSoon(pool: HashPool, bytes: Uint8Array, shape?: PieceShape): Promise<Uint8Array> {
  for (;;) {
    const hashing = pool.hashBytes(bytes, shape)
    if (hashing) return hashing
    await new Promise(resolve => setImmediate(resolve))
  }
}

t.test('bytes in shared memory are hashed by a thread that the first call starts', async t => {
  const { pool, write } = setup(t, 1)
  const bytes = Buffer.from(new SharedArrayBuffer(700_001))
  bytes.set(noise(bytes.length, 3))
  t.equal(pool.hashesBytes, false)
  t.equal(pool.hashBytes(bytes), undefined, 'no thread is ready')
  t.equal(pool.hashesBytes, true)
  t.strictSame(Buffer.from(await hashSoon(pool, bytes)), sha1(bytes))
  const file = write('file', 100)
  const [first, hashes, last] = await Promise.all([
    pool.hashBytes(bytes.subarray(1)),
    pool.hash([[{ file: file.path, offset: 0, length: 100 }]]),
    pool.hashBytes(bytes.subarray(9, 9)),
  ])
  t.strictSame(Buffer.from(first!), sha1(bytes.subarray(1)), 'each reply belongs to its request')
  t.strictSame(Buffer.from(hashes[0] as Uint8Array), sha1(file.bytes))
  t.strictSame(Buffer.from(last!), sha1(Buffer.alloc(0)))
})

t.test('pieces of v2 and hybrid torrents in shared memory get all of their hashes', async t => {
  const { pool } = setup(t, 1)
  for (const format of ['v2', 'hybrid'] as const) {
    const { metainfo, content } = hybridFilesTorrent(format)
    const trees = PieceTrees.of(metainfo)!
    for (let index = 0; index < metainfo.pieceCount; index++) {
      const { position, length } = trees.layout.pieceRange(index)
      const bytes = Buffer.from(new SharedArrayBuffer(length))
      content.copy(bytes, 0, position, position + length)
      const digest = await hashSoon(pool, bytes, trees.placementOf(index))
      t.ok(Buffer.from(digest).equals(trees.expected(index)), `piece ${index} of ${format}`)
    }
  }
})

t.test('a closed pool hashes no bytes', async t => {
  const { pool } = setup(t)
  await pool.close()
  t.equal(pool.hashBytes(Buffer.from(new SharedArrayBuffer(1))), undefined)
})

t.test('an aborted job rejects with the reason, and a closed pool takes no job', async t => {
  const { pool } = setup(t)
  const reason = new Error('enough')
  await t.rejects(pool.hash([], AbortSignal.abort(reason)), reason)
  await pool.close()
  await t.rejects(pool.hash([]), /the threads are closed/)
})

t.test('the main thread takes one job, and worker threads the others', async t => {
  const { directory, pool, write } = setup(t, 2, true)
  t.equal(pool.jobs, 3)
  const { path, bytes } = write('file', (2 << 20) + 1)
  const ranges = [{ file: path, offset: 0, length: bytes.length, toEnd: true }]
  const run = {
    ...{
      prefix: join(directory, '/'),
      paths: 'file\0file',
      sizes: Float64Array.of(bytes.length, bytes.length),
    },
    ...{ offset: 1, length: bytes.length, pieceLength: bytes.length - 9 },
  }
  const wrapped = Buffer.concat([bytes.subarray(1), bytes.subarray(0, 1)])
  const expected = [sha1(wrapped.subarray(0, -9)), sha1(wrapped.subarray(-9))]
  const jobs = await Promise.all([pool.hashRun(run), pool.hash([ranges, ranges]), pool.hashRun(run)])
  const [onMain, inThread, alsoInThread] = jobs.map(result => Buffer.concat([result].flat() as Uint8Array[]))
  t.strictSame(onMain, Buffer.concat(expected), 'in several turns of the event loop')
  t.strictSame(inThread, Buffer.concat([sha1(bytes), sha1(bytes)]))
  t.strictSame(alsoInThread, onMain)
  t.strictSame(
    Buffer.from((await pool.hash([ranges]))[0] as Uint8Array),
    sha1(bytes),
    'the main thread again',
  )
  const missing = join(directory, 'none')
  await t.rejects(pool.hash([[{ file: missing, offset: 0, length: 1 }]]), { code: 'ENOENT', path: missing })
  const reason = new Error('enough')
  await t.rejects(pool.hash([ranges], AbortSignal.abort(reason)), reason)
})

t.test('with one core everything is hashed by the main thread', async t => {
  const { pool, write } = setup(t, 1, true)
  t.equal(pool.jobs, 1)
  const { path, bytes } = write('file', 9)
  const [hash] = await pool.hash([[{ file: path, offset: 0, length: 9 }]])
  t.strictSame(Buffer.from(hash as Uint8Array), sha1(bytes))
})
