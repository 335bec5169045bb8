import * as fs from 'node:fs'
import { join } from 'node:path'
import { createFsFromVolume, Volume } from 'memfs'
import t from 'tap'
import type { FileJobRunner } from '../../src/storage/file-job.ts'
import { FileStates } from '../../src/storage/file-states.ts'
import { FileStorage } from '../../src/storage/file-storage.ts'
import { FileThreads } from '../../src/storage/file-threads.ts'
import { FileWatch } from '../../src/storage/file-watch.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { nextTick } from '../helpers/other-program.ts'
import { type Disk, jobsIn, readOf, storageSuite } from '../helpers/storage-suite.ts'

t.test('a storage in memory passes the suite', async t => {
  storageSuite(t, () => {
    const disk = createFsFromVolume(Volume.fromJSON({ '/home': null })).promises
    return { disk: disk as unknown as Disk, directory: '/home' }
  })
})

t.test('a storage in a real directory passes the suite', async t => {
  storageSuite(t, t => ({ disk: fs.promises, directory: t.testdir() }))
})

t.test('a storage in memory passes the suite with jobs for small files', async t => {
  storageSuite(t, () => {
    const disk = createFsFromVolume(Volume.fromJSON({ '/home': null })).promises as unknown as Disk
    return { disk, directory: '/home', jobs: jobsIn(disk) }
  })
})

t.test('a storage in a real directory passes the suite with threads for small files', async t => {
  const threads = new FileThreads()
  t.teardown(() => threads.close())
  const failures: Error[] = []
  const jobs: FileJobRunner = {
    run: job =>
      threads.run(job).catch(error => {
        failures.push(error)
        throw error
      }),
  }
  storageSuite(t, t => ({ disk: fs.promises, directory: t.testdir(), jobs }))
  // The storage ignores a thread that fails, so failures are checked here.
  t.test('no thread fails', async t => t.same(failures, []))
})

t.test('threads write from memory of any kind, which stays with its owner', async t => {
  const made = makeTorrent({ files: ['a', 'b'].map(path => ({ path, length: 100 })), pieceLength: 200 })
  const jobs = new FileThreads()
  const storage = new FileStorage(made.metainfo, { directory: t.testdir(), jobs })
  t.teardown(async () => {
    await storage.close()
    await jobs.close()
  })
  for (const memory of [new ArrayBuffer(300), new SharedArrayBuffer(300)]) {
    const bytes = Buffer.from(memory).subarray(50, 250)
    for (const seed of [1, 2]) {
      bytes.fill(seed)
      await storage.write(0, bytes)
      t.equal(bytes.length, 200)
      t.same(await readOf(storage, 0, 200), Buffer.alloc(200, seed))
    }
  }
})

t.test('the limit of open files is a whole number of at least 1', async t => {
  const { metainfo } = makeTorrent({ files: [{ path: 'a', length: 1 }] })
  for (const maxOpenFiles of [0, -1, 1.5, Number.NaN])
    t.throws(() => new FileStorage(metainfo, { directory: '/nowhere', maxOpenFiles }), {
      code: 'ERR_USAGE',
      message: String(maxOpenFiles),
    })
})

t.test('a storage that rests has no file and no directory open, and can be used again', async t => {
  const made = makeTorrent({
    name: 'd',
    files: ['d/a', 'd/deep/b'].map(path => ({ path, length: 100 })),
    pieceLength: 200,
  })
  const handles: fs.promises.FileHandle[] = []
  const disk = {
    ...fs.promises,
    open: async (...args: Parameters<typeof fs.promises.open>) => {
      const handle = await fs.promises.open(...args)
      handles.push(handle)
      return handle
    },
  } as unknown as Disk
  const open = () => handles.filter(({ fd }) => fd >= 0).length // a closed handle has the descriptor -1
  const storage = new FileStorage(made.metainfo, { directory: t.testdir(), fs: disk })
  await storage.write(0, made.content)
  t.ok(open() > 0)
  for (let count = 0; count < 2; count++) {
    storage.rest()
    while (open() > 0) await new Promise(resolve => setImmediate(resolve))
    t.same(await readOf(storage, 0, 200), made.content)
  }
  await storage.close()
  t.equal(open(), 0)
})

t.test('one look at the path of a file finds each change of it', async t => {
  const { metainfo, content } = makeTorrent({ name: 'd', files: [{ path: 'd/a', length: 100 }] })
  const directory = t.testdir({ elsewhere: {} })
  const at = (path: string) => join(directory, path)
  const storage = new FileStorage(metainfo, { directory })
  await storage.write(0, content)
  await storage.watch!.states([0]) // ends the burst
  const areUnchanged = () => storage.watch!.areUnchanged([0])
  t.equal(await areUnchanged(), true)
  const changes = {
    'it is written': () => fs.writeFileSync(at('d/a'), content),
    'it is replaced': () => {
      fs.writeFileSync(at('d/b'), content)
      fs.renameSync(at('d/b'), at('d/a'))
    },
    'its directory is another one': () => {
      fs.rmSync(at('d'), { recursive: true })
      fs.writeFileSync(at('elsewhere/a'), content)
      fs.symlinkSync('elsewhere', at('d'))
    },
    'it is removed': () => fs.rmSync(at('d/a')),
  }
  for (const [name, change] of Object.entries(changes)) {
    await nextTick(directory)
    change()
    t.equal(await areUnchanged(), false, name)
    await storage.watch!.findChanged([0]) // forgets the open directories
    await storage.watch!.remember([0])
  }
  await storage.close()
})

t.test('writes that follow each other at once share comparisons, and others are each compared', async t => {
  let [now, stats, version] = [0, 0, 1n]
  const files = {
    count: 1,
    evict: () => {},
    forgetDirectories: async () => {},
    findStateAtPath: async () => undefined,
    async findStates() {
      stats++
      const states = new FileStates(1)
      states.set(0, { size: 1n, mtimeNs: version, ctimeNs: version, ino: 1n, dev: 1n } as fs.BigIntStats)
      return states
    },
  }
  const watch = new FileWatch(files, () => now)
  const write = async (pause: number) => {
    now += pause
    await watch.write(0, async () => {
      version++
    })
  }
  for (let count = 0; count < 400; count++) await write(1)
  t.ok(stats < 40, `${stats} comparisons of 400 writes`)
  await watch.states([0]) // ends the burst
  t.same(watch.takeNoticed(), [])
  for (const pause of [3, 10, 3]) {
    version++ // by another program
    await write(pause)
    await watch.states([0])
    t.same(watch.takeNoticed(), [0])
    await watch.remember([0])
    await write(pause)
    t.same(watch.takeNoticed(), [])
    await watch.states([0])
  }
  await watch.close()
})
