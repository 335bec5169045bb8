import { createFsFromVolume, Volume } from 'memfs'
import t, { type Test } from 'tap'
import type { FileJobRunner } from '../../src/storage/file-job.ts'
import { FileStorage } from '../../src/storage/file-storage.ts'
import { type Fault, FaultyDisk, systemError } from '../helpers/faulty-disk.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { bytesAt, type Disk, jobsIn, readOf } from '../helpers/storage-suite.ts'

const files = ['a', 'b', 'c', 'd', 'e', 'f'].map(path => ({ path: `in/${path}`, length: 10 }))
const made = makeTorrent({ files, pieceLength: 30 })
const paths = made.metainfo.files.map(({ path }) => path)

function home(t: Test, options: { fault?: Fault; jobs?: FileJobRunner } = {}) {
  const disk = createFsFromVolume(Volume.fromJSON({ '/home': null })).promises as unknown as Disk
  const faulty = new FaultyDisk(disk)
  if (options.fault) faulty.fault = options.fault
  const { metainfo } = made
  const jobs = options.jobs ?? jobsIn(faulty.fs)
  const storage = new FileStorage(metainfo, { directory: '/home', fs: disk, jobs })
  t.teardown(() => storage.close())
  const write = (piece: number) =>
    storage.write(piece * 30, made.content.subarray(piece * 30, piece * 30 + 30))
  return { disk, directory: '/home', faulty, storage, write }
}

t.test('a full disk is an error that names the file, and files before it are not in doubt', async t => {
  const fault: Fault = ({ name, path }) => {
    if (name === 'write' && path.endsWith('/b')) throw systemError('ENOSPC')
    return undefined
  }
  const { faulty, storage, write } = home(t, { fault })
  await t.rejects(write(0), {
    name: 'StorageError',
    code: 'ERR_DISK_FULL',
    message: `cannot write /home/${paths[1]}: no space left on device`,
  })
  t.same(await storage.watch.findChanged([0, 1, 2]), [])
  faulty.fault = () => undefined
  await write(0)
  t.same(await readOf(storage, 0, 30), made.content.subarray(0, 30))
  t.same(storage.watch.takeNoticed(), [])
})

t.test('without free descriptors files are opened in turn', async t => {
  const fault: Fault = ({ name }) => {
    if (name === 'open') throw systemError('EMFILE')
    return undefined
  }
  const files = home(t, { fault })
  await files.write(0)
  t.same(await bytesAt(files, paths[2]!), made.content.subarray(20, 30))
  t.same(await readOf(files.storage, 0, 30), made.content.subarray(0, 30))
  await files.storage.sync()
})

/** Stops the clock that measures a device, and returns a function that moves it on. */
function stopClock(t: Test): (milliseconds: number) => void {
  let now = 0
  t.intercept(performance, 'now', { value: () => now, configurable: true })
  return milliseconds => {
    now += milliseconds
  }
}

t.test('on a fast device written files are synced while they are open, and not opened again', async t => {
  stopClock(t)
  const calls: string[] = []
  const fault: Fault = ({ name, path }) => {
    if (name === 'open' || name === 'datasync') calls.push(`${name} ${path.slice(-1)}`)
    return undefined
  }
  const { storage, write } = home(t, { fault })
  await write(0)
  await storage.sync()
  t.same(
    calls.filter(call => /[abc]$/.test(call)),
    ['open a', 'datasync a', 'open b', 'datasync b', 'open c', 'datasync c'],
  )
})

t.test('on a slow device files are written without waiting, and synced later', async t => {
  const pass = stopClock(t)
  const synced: string[] = []
  const fault: Fault = ({ name, path }) => {
    if (name !== 'datasync') return undefined
    pass(10)
    synced.push(path.slice(-1))
    return undefined
  }
  const whole = makeTorrent({ files, pieceLength: 60 })
  const disk = createFsFromVolume(Volume.fromJSON({ '/home': null })).promises as unknown as Disk
  const faulty = new FaultyDisk(disk)
  faulty.fault = fault
  const { fs } = faulty
  const storage = new FileStorage(whole.metainfo, { directory: '/home', fs, jobs: jobsIn(fs) })
  t.teardown(() => storage.close())
  await storage.write(0, whole.content)
  t.same(synced, ['a', 'b', 'c', 'd', 'e'])
  await storage.sync()
  t.same(synced, ['a', 'b', 'c', 'd', 'e', 'f'])
  await storage.write(0, whole.content)
  t.equal(synced.length, 6)
  await storage.sync()
  t.equal(synced.length, 12)
})

t.test('bytes that a device could not take fail each later sync, and not the write', async t => {
  let isFailing = true
  const fault: Fault = ({ name, path }) => {
    if (isFailing && name === 'datasync' && path.endsWith('/b')) throw systemError('EIO')
    return undefined
  }
  const { storage, write } = home(t, { fault })
  await write(0)
  isFailing = false
  const failure = { code: 'ERR_STORAGE', message: `cannot write /home/${paths[1]}` }
  await t.rejects(storage.sync(), failure)
  await write(1)
  await t.rejects(storage.sync(), failure)
})

t.test('after a thread has ended files are opened in turn', async t => {
  const jobs = { run: () => Promise.reject(new Error('a thread ended')) }
  const { storage, write } = home(t, { jobs })
  await write(0)
  await write(1)
  t.same(await readOf(storage, 0, 60), made.content)
  await storage.sync()
  await storage.complete()
  t.same(storage.watch.takeNoticed(), [])
  t.same(await storage.watch.findChanged([0, 1, 2, 3, 4, 5]), [])
})

t.test('writes that wait for two running jobs share the next ones', async t => {
  const single = makeTorrent({ files, pieceLength: 10 })
  const disk = createFsFromVolume(Volume.fromJSON({ '/home': null })).promises as unknown as Disk
  const faulty = new FaultyDisk(disk)
  const sizes: number[] = []
  const jobs: FileJobRunner = {
    run: job => {
      if (job.work.kind === 'write') sizes.push(job.work.parts.numbers.length / 3)
      return jobsIn(faulty.fs).run(job)
    },
  }
  const storage = new FileStorage(single.metainfo, { directory: '/home', fs: disk, jobs })
  t.teardown(() => storage.close())
  const writeAll = () =>
    Promise.allSettled(
      files.map((_, at) => storage.write(10 * at, single.content.subarray(10 * at, 10 * at + 10))),
    )
  const failed = single.metainfo.files[2]!.path
  faulty.fault = ({ name, path }) => {
    if (name === 'write' && path.endsWith('/c')) throw systemError('ENOSPC')
    return undefined
  }
  const results = await writeAll()
  t.same(
    results.map(({ status }) => status),
    files.map((_, at) => (at === 2 ? 'rejected' : 'fulfilled')),
    'a failed write fails alone',
  )
  t.match(results[2], { reason: { code: 'ERR_DISK_FULL', message: `/home/${failed}:` } })
  t.ok(Math.max(...sizes) > 1, `parts of jobs: ${sizes}`)
  t.same(await storage.watch.findChanged([0, 1, 3, 4, 5]), [])

  faulty.fault = () => undefined
  await writeAll()
  t.same(await readOf(storage, 0, 60), single.content)
  t.same(storage.watch.takeNoticed(), [])

  await disk.writeFile(`/home/${single.metainfo.files[4]!.path}`, 'of another program')
  await writeAll()
  t.same(storage.watch.takeNoticed(), [4])
})

t.test('our own writes to files of two pieces at once are not in doubt', async t => {
  const shared = makeTorrent({ files, pieceLength: 25 })
  const disk = createFsFromVolume(Volume.fromJSON({ '/home': null })).promises as unknown as Disk
  const storage = new FileStorage(shared.metainfo, { directory: '/home', fs: disk, jobs: jobsIn(disk) })
  t.teardown(() => storage.close())
  for (let round = 0; round < 3; round++)
    await Promise.all(
      [0, 25, 50].map(at => storage.write(at, shared.content.subarray(at, Math.min(at + 25, 60)))),
    )
  t.same(await readOf(storage, 0, 60), shared.content)
  t.same(storage.watch.takeNoticed(), [])
  t.same(await storage.watch.findChanged([0, 1, 2, 3, 4, 5]), [])
})

t.test('a change by another program before a write is noticed', async t => {
  const { disk, storage, write } = home(t)
  await write(0)
  await disk.writeFile(`/home/${paths[1]}`, 'something else')
  await write(0)
  t.same(storage.watch.takeNoticed(), [1])
})

t.test('files that were replaced or removed are found changed', async t => {
  const { disk, storage, write } = home(t)
  await write(0)
  await write(1)
  await disk.rename(`/home/${paths[3]}`, `/home/${paths[4]}`)
  await disk.unlink(`/home/${paths[0]}`)
  t.same(await storage.watch.findChanged([0, 1, 2, 3, 4, 5]), [0, 3, 4])
})

t.test('a file that cannot be read is an error that names it, unless it is not selected', async t => {
  const fault: Fault = ({ name, path }) => {
    if (name === 'read' && path.endsWith('/b')) throw systemError('EIO')
    return undefined
  }
  const { disk, faulty, storage, write } = home(t, { fault })
  await write(0)
  await t.rejects(storage.read(0, Buffer.alloc(30)), {
    code: 'ERR_STORAGE',
    message: `cannot read /home/${paths[1]}`,
  })
  const selected = (index: number) => index !== 1
  const others = new FileStorage(made.metainfo, {
    ...{ directory: '/home', fs: disk, jobs: jobsIn(faulty.fs), selected },
  })
  t.teardown(() => others.close())
  t.equal(await others.read(0, Buffer.alloc(30)), 10)
})

t.test('a sync that fails once fails always', async t => {
  let failures = 0
  const fault: Fault = ({ name, path }) => {
    if (name === 'datasync' && path.endsWith('/c') && failures++ === 0) throw systemError('EIO')
    return undefined
  }
  const { storage, write } = home(t, { fault })
  await write(0)
  await write(1)
  const failure = { code: 'ERR_STORAGE', message: `cannot write /home/${paths[2]}` }
  await t.rejects(storage.sync(), failure)
  await t.rejects(storage.sync(), failure)
})
