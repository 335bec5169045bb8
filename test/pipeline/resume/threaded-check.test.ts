import { mkdirSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { HashPool } from '../../../src/hashing/hash-pool.ts'
import { check } from '../../../src/pipeline/resume/check.ts'
import { checkInThreads } from '../../../src/pipeline/resume/threaded-check.ts'
import { FileStorage } from '../../../src/storage/file-storage.ts'
import { makeTorrent } from '../../helpers/metainfo.ts'
import { memoryDisk } from '../../helpers/swarm.ts'

const PIECE_LENGTH = 4 << 20
/** Of the ten pieces, 2 and 9 are in two files. */
const made = makeTorrent({
  files: [
    { path: 'a', length: 2 * PIECE_LENGTH + 100 },
    { path: 'b', length: 7 * PIECE_LENGTH },
    { path: 'c', length: 5_000 },
  ],
  pieceLength: PIECE_LENGTH,
})

const hashPool = new HashPool({ threads: 2 })
t.teardown(() => hashPool.close())

function setup(t: Test) {
  const directory = t.testdir()
  const path = (name: string) => join(directory, made.metainfo.files['abc'.indexOf(name)]!.path)
  for (const { path: file, offset, length } of made.metainfo.files) {
    mkdirSync(dirname(join(directory, file)), { recursive: true })
    writeFileSync(join(directory, file), made.content.subarray(offset, offset + length))
  }
  const open = () => {
    const storage = new FileStorage(made.metainfo, { directory })
    t.teardown(() => storage.close())
    return storage
  }
  const checkPieces = async (pieces: readonly number[]) => {
    const storage = open()
    const results = new Map<number, boolean>()
    const tally = { note: (index: number, isRight: boolean) => results.set(index, isRight) }
    const left = await checkInThreads({
      ...{ metainfo: made.metainfo, trees: undefined, storage, hashPool, pieces, tally },
    })
    return { left, right: [...results].flatMap(([index, right]) => (right ? [index] : [])).sort() }
  }
  return { checkPieces, path, storage: open() }
}

const all = Array.from({ length: made.metainfo.pieceCount }, (_, index) => index)

t.test('threads check each piece that lies in one file, and leave the others', async t => {
  const { checkPieces } = setup(t)
  t.strictSame(await checkPieces(all), { left: [2, 9], right: [0, 1, 3, 4, 5, 6, 7, 8] })
  t.strictSame(await checkPieces([1, 4, 5, 8]), { left: [], right: [1, 4, 5, 8] })
})

t.test('a wrong byte, a short file and a missing file are found', async t => {
  const { checkPieces, path } = setup(t)
  const bytes = Buffer.from(made.content.subarray(0, 2 * PIECE_LENGTH + 100))
  bytes[PIECE_LENGTH + 1]! ^= 1
  writeFileSync(path('a'), bytes)
  truncateSync(path('b'), 3 * PIECE_LENGTH - 1)
  t.strictSame((await checkPieces(all)).right, [0, 3, 4])
  unlinkSync(path('b'))
  t.strictSame(await checkPieces(all), { left: [2, 3, 4, 5, 6, 7, 8, 9], right: [0] })
})

t.test('a check with threads finds the same pieces as one without, and counts each once', async t => {
  const { path, storage } = setup(t)
  truncateSync(path('b'), 5 * PIECE_LENGTH)
  const { metainfo } = made
  const counts: number[] = []
  const threaded = await check({ metainfo, storage, hashPool, progress: count => counts.push(count) })
  t.strictSame([...threaded], [...(await check({ metainfo, storage }))])
  t.strictSame(
    counts,
    all.map(index => index + 1),
  )
})

t.test('an abort ends a check in threads', async t => {
  const { storage } = setup(t)
  const reason = new Error('enough')
  const control = new AbortController()
  const checking = check({
    ...{ metainfo: made.metainfo, storage, hashPool, signal: control.signal },
    progress: () => control.abort(reason),
  })
  await t.rejects(checking, reason)
})

t.test('files of an injected file system are read by the main thread', async t => {
  const disk = memoryDisk()
  const { metainfo, content } = made
  const storage = new FileStorage(metainfo, { directory: '/home', fs: disk })
  t.teardown(() => storage.close())
  await storage.write(0, content)
  t.equal(await storage.useFile(0, 10, async () => 'used'), undefined)
  t.strictSame([...(await check({ metainfo, storage, hashPool }))], all)
})
