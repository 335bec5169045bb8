import { mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { HashPool } from '../../../src/hashing/hash-pool.ts'
import type { Metainfo } from '../../../src/metainfo/metainfo.ts'
import { openMetainfo, parse } from '../../../src/metainfo/parse.ts'
import { PieceTrees } from '../../../src/metainfo/piece-trees.ts'
import { check } from '../../../src/pipeline/resume/check.ts'
import { checkInThreads } from '../../../src/pipeline/resume/threaded-check.ts'
import { verify } from '../../../src/pipeline/verify.ts'
import { FileStorage } from '../../../src/storage/file-storage.ts'
import { HYBRID_PIECE_LENGTH, hybridFiles, hybridInfo, v2Torrent } from '../../helpers/v2-torrent.ts'

const PIECE_LENGTH = HYBRID_PIECE_LENGTH
const torrents = {
  v2: v2Torrent(hybridFiles, PIECE_LENGTH),
  hybrid: v2Torrent(hybridFiles, PIECE_LENGTH, { info: hybridInfo }),
}
const all = [0, 1, 2, 3, 4, 5]

const hashPool = new HashPool({ threads: 2 })
t.teardown(() => hashPool.close())

function setup(t: Test, metainfo: Metainfo) {
  const directory = t.testdir()
  mkdirSync(join(directory, 'd'))
  for (const [name, bytes] of Object.entries(hybridFiles)) writeFileSync(join(directory, 'd', name), bytes)
  const storage = new FileStorage(metainfo, { directory })
  t.teardown(() => storage.close())
  const path = (name: string) => join(directory, 'd', name)
  const flip = (name: string, at: number) => {
    const bytes = readFileSync(path(name))
    bytes[at]! ^= 1
    writeFileSync(path(name), bytes)
  }
  const threaded = async () => {
    const right: number[] = []
    const note = (index: number, isRight: boolean) => isRight && right.push(index)
    const left = await checkInThreads({
      ...{ metainfo, storage, hashPool, pieces: all, trees: PieceTrees.of(metainfo) },
      tally: { note },
    })
    return { left, right: right.sort() }
  }
  return { directory, storage, path, flip, threaded }
}

for (const [format, torrent] of Object.entries(torrents)) {
  const metainfo = parse(torrent)

  t.test(`${format}: every piece is found, here and in threads`, async t => {
    const { storage, threaded, directory } = setup(t, metainfo)
    t.strictSame([...(await check({ metainfo, storage }))], all)
    t.strictSame(await threaded(), { left: [], right: all })
    t.ok((await verify(metainfo, directory)).full)
  })

  t.test(`${format}: a wrong byte in each file makes its piece wrong`, async t => {
    for (const [name, at, right] of [
      ['a', 9, [1, 2, 3, 4, 5]],
      ['b', PIECE_LENGTH, [0, 1, 3, 4, 5]],
      ['b', 3 * PIECE_LENGTH + 99, [0, 1, 2, 3, 5]],
      ['c', 0, [0, 1, 2, 3, 4]],
    ] as const) {
      const { flip, storage, threaded } = setup(t, metainfo)
      flip(name, at)
      t.strictSame([...(await check({ metainfo, storage }))], right, `${name} ${at}`)
      t.strictSame(await threaded(), { left: [], right }, `${name} ${at}`)
    }
  })

  t.test(
    `${format}: the pieces of a missing file and of the missing part of a short file are not found`,
    async t => {
      const { path, storage, threaded } = setup(t, metainfo)
      unlinkSync(path('a'))
      writeFileSync(path('b'), hybridFiles.b.subarray(0, 3 * PIECE_LENGTH + 99))
      t.strictSame([...(await check({ metainfo, storage }))], [1, 2, 3, 5])
      t.strictSame(
        (await threaded()).right,
        [1, 2, 3, 5].filter(index => index === 5 || index < 4),
      )
    },
  )
}

t.test('a piece of a hybrid torrent must match both hashes', async t => {
  const { files, ...rest } = hybridInfo
  const pieces = Buffer.from(rest.pieces)
  pieces[0]! ^= 1
  const metainfo = parse(v2Torrent(hybridFiles, PIECE_LENGTH, { info: { files, pieces } }))
  t.equal(metainfo.format, 'hybrid')
  const { storage, threaded } = setup(t, metainfo)
  t.strictSame([...(await check({ metainfo, storage }))], [1, 2, 3, 4, 5])
  t.strictSame((await threaded()).right, [1, 2, 3, 4, 5])
})

t.test('a v2 torrent without piece layers cannot be verified', async t => {
  const metainfo = await openMetainfo(
    v2Torrent(hybridFiles, PIECE_LENGTH, { top: { 'piece layers': undefined } }),
  )
  await t.rejects(verify(metainfo, setup(t, metainfo).directory), {
    ...{ name: 'InputError', code: 'ERR_METAINFO', message: /no piece layers/ },
  })
})
