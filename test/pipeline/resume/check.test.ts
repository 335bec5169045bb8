import t from 'tap'
import { check } from '../../../src/pipeline/resume/check.ts'
import { FileStorage } from '../../../src/storage/file-storage.ts'
import { makeTorrent } from '../../helpers/metainfo.ts'
import { memoryDisk } from '../../helpers/swarm.ts'

const made = makeTorrent({
  files: [30_000, 0, 50_000, 1000].map((length, index) => ({ path: `${index}`, length })),
  pieceLength: 16384,
})

/** A storage with these files in it, the rest missing. */
async function stored(files: Record<string, Uint8Array>) {
  const disk = memoryDisk()
  for (const [name, bytes] of Object.entries(files)) await disk.writeFile(`/home/${name}`, bytes)
  return new FileStorage(made.metainfo, { directory: '/home', fs: disk })
}

const file = (index: number) => {
  const { offset, length } = made.metainfo.files[index]!
  return Buffer.from(made.content.subarray(offset, offset + length))
}

t.test('the check finds valid pieces, also across file boundaries, and reads each once', async t => {
  const bad = file(2)
  bad[20_000]! ^= 1 // byte 50,000: piece 3
  const looked: number[] = []
  const storage = await stored({ 0: file(0), 2: bad, 3: file(3) })
  const progress = (pieces: number) => looked.push(pieces)
  const found = await check({ metainfo: made.metainfo, storage, progress })
  t.same([...found], [0, 1, 2, 4])
  t.same(looked, [1, 2, 3, 4, 5])
  await storage.close()
})

t.test('a piece with a missing file is missing, and nothing is read where no file exists', async t => {
  const some = await stored({ 2: file(2) })
  t.same([...(await check({ metainfo: made.metainfo, storage: some }))], [2, 3])
  const reads: number[] = []
  const none = await stored({})
  const storage = {
    read(position: number, target: Uint8Array) {
      reads.push(target.length)
      return none.read(position, target)
    },
  }
  t.same([...(await check({ metainfo: made.metainfo, storage }))], [])
  t.same(reads, [1, 1, 1], 'a byte of each file')
})

t.test('an error of the storage rejects the check', async t => {
  const failure = new Error('broken disk')
  for (const fails of [0, 3, 5]) {
    let reads = 0
    const good = await stored({ 0: file(0), 2: file(2), 3: file(3) })
    const storage = {
      async read(position: number, target: Uint8Array) {
        if (reads++ === fails) throw failure
        return good.read(position, target)
      },
    }
    await t.rejects(check({ metainfo: made.metainfo, storage }), failure)
  }
})

t.test('a signal rejects the check with its reason, before the start or at any piece', async t => {
  const reason = new Error('enough')
  const storage = await stored({ 0: file(0), 2: file(2), 3: file(3) })
  await t.rejects(check({ metainfo: made.metainfo, storage, signal: AbortSignal.abort(reason) }), reason)
  for (const at of [1, 2, 5]) {
    const control = new AbortController()
    const progress = (pieces: number) => pieces === at && control.abort(reason)
    const { signal } = control
    await t.rejects(check({ metainfo: made.metainfo, storage, signal, progress }), reason, `at ${at}`)
  }
})
