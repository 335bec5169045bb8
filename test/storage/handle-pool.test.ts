import * as fs from 'node:fs'
import { createFsFromVolume, Volume } from 'memfs'
import t from 'tap'
import type { FileHandle } from '../../src/ports/file-system.ts'
import { HandlePool } from '../../src/storage/handle-pool.ts'
import { MAX_OPEN_DIRECTORIES } from '../../src/storage/open-directories.ts'
import { defaultOpenFiles, OpenFileLimit } from '../../src/storage/open-file-limit.ts'
import type { Access } from '../../src/storage/safe-directory.ts'
import { MAX_PARALLEL_FILES } from '../../src/storage/torrent-files.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { type Disk, fill, open, readOf } from '../helpers/storage-suite.ts'
import { settle } from '../helpers/virtual-clock.ts'

/** Turns of the event loop without an opening, after which nothing more is opened before something is closed. */
const QUIET_TURNS = 200

/** Files that only record their opening and closing, in order, and the number of open ones. */
class Files {
  readonly log: string[] = []
  now = 0
  maximum = 0
  /** Maximum open files, beyond which the system returns EMFILE. */
  descriptors = Number.POSITIVE_INFINITY
  readonly missing = new Set<string>()

  readonly open = async (path: string, access: Access): Promise<FileHandle | undefined> => {
    if (this.missing.has(path)) return undefined
    if (this.now >= this.descriptors) throw Object.assign(new Error('too many'), { code: 'EMFILE' })
    this.log.push(`${access} ${path}`)
    this.maximum = Math.max(this.maximum, ++this.now)
    const close = async () => {
      this.now--
      this.log.push(`close ${path}`)
    }
    return { close } as FileHandle
  }
}

async function use(pool: HandlePool, path: string, access: Access = 'read'): Promise<void> {
  pool.release((await pool.acquire(path, access))!)
}

/** True if a promise has settled after all pending work. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false
  promise.then(
    () => (done = true),
    () => (done = true),
  )
  await new Promise(resolve => setImmediate(resolve))
  return done
}

t.test('a client keeps at least 128 files open, and at most 1,024', async t => {
  t.ok(defaultOpenFiles() >= 128 && defaultOpenFiles() <= 1024)
})

t.test('of two hundred files no more than the limit are open, one by one or all at once', async t => {
  const limit = 5
  const disk = createFsFromVolume(Volume.fromJSON({ '/home': null })).promises as unknown as Disk
  let now = 0
  let maximum = 0
  const openFile = disk.open.bind(disk)
  disk.open = async (path, flags, mode) => {
    maximum = Math.max(maximum, ++now)
    const handle = await openFile(path, flags, mode).catch(error => {
      now--
      throw error
    })
    const close = handle.close.bind(handle)
    handle.close = async () => {
      await close()
      now--
    }
    return handle
  }
  const made = makeTorrent({
    files: Array.from({ length: 200 }, (_, index) => ({ path: `d/${index}`, length: 100 })),
    pieceLength: 1000,
  })
  const storage = open(t, { disk, directory: '/home' }, made, { maxOpenFiles: limit })
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      storage.write(index * 1000, made.content.subarray(index * 1000, (index + 1) * 1000)),
    ),
  )
  t.same(await readOf(storage, 0, 20_000), made.content)
  await fill(storage, made)
  t.equal(maximum, limit)
  await storage.close()
  t.equal(now, 0)
})

t.test('in a real directory, few directories are open besides the files', async t => {
  const limit = 5
  let now = 0
  let maximum = 0
  let opened = 0
  const disk = {
    ...fs.promises,
    open: async (path: string, flags: number, mode?: number) => {
      maximum = Math.max(maximum, ++now)
      opened++
      const handle = await fs.promises.open(path, flags, mode).catch(error => {
        now--
        throw error
      })
      const close = handle.close.bind(handle)
      handle.close = async () => {
        // on a busy machine closing may take longer than opening: here until nothing was opened for some turns
        const isDirectory = (flags & fs.constants.O_DIRECTORY) !== 0
        for (let seen = -1; isDirectory && seen !== opened; ) {
          seen = opened
          for (let turn = 0; turn < QUIET_TURNS; turn++) await settle()
        }
        await close()
        now--
      }
      return handle
    },
  } as unknown as Disk
  const files = Array.from({ length: 200 }, (_, n) => ({ path: `d${n % 100}/${n}`, length: 100 }))
  const made = makeTorrent({ files, pieceLength: 1024 })
  const storage = open(t, { disk, directory: t.testdir() }, made, { maxOpenFiles: limit })
  // The limit applies to one write, which works on several files at once.
  for (let index = 0; index < made.metainfo.pieceCount; index++)
    await storage.write(index * 1024, made.content.subarray(index * 1024, (index + 1) * 1024))
  // Each of the parallel files can open a directory while an earlier one closes.
  t.ok(maximum <= limit + MAX_OPEN_DIRECTORIES + 2 * MAX_PARALLEL_FILES, `${maximum} open`)
  await storage.close()
  t.equal(now, 0)
})

t.test('concurrent users of a file share one opening', async t => {
  const files = new Files()
  const pool = new HandlePool(files, 4)
  const leases = await Promise.all(Array.from({ length: 5 }, () => pool.acquire('a', 'write')))
  t.equal(new Set(leases.map(lease => lease!.handle)).size, 1)
  t.same(files.log, ['write a'])
})

t.test('the least recently used file is closed for another', async t => {
  const files = new Files()
  const pool = new HandlePool(files, 2)
  for (const path of ['a', 'b', 'a', 'c', 'a', 'b']) await use(pool, path)
  t.same(files.log, ['read a', 'read b', 'close b', 'read c', 'close c', 'read b'])
})

t.test('a file in use is not closed: a new file waits for one that is idle', async t => {
  const files = new Files()
  const pool = new HandlePool(files, 1)
  const lease = await pool.acquire('a', 'read')
  const waiting = pool.acquire('b', 'read')
  t.equal(await settled(waiting), false)
  t.same(files.log, ['read a'])
  pool.release(lease!)
  await waiting
  t.same(files.log, ['read a', 'close a', 'read b'])
})

t.test('every use that waits for room gets it in the end', async t => {
  const files = new Files()
  const pool = new HandlePool(files, 3)
  await Promise.all(
    Array.from({ length: 300 }, async (_, index) => {
      const lease = await pool.acquire(`${index % 17}`, index % 5 === 0 ? 'write' : 'read')
      await new Promise(resolve => setImmediate(resolve))
      pool.release(lease!)
    }),
  )
  t.equal(files.maximum, 3)
  await pool.close()
  t.equal(files.now, 0)
})

t.test('a file is opened for reading until it is written to, and for both afterwards', async t => {
  const files = new Files()
  const pool = new HandlePool(files, 4)
  await use(pool, 'a')
  await use(pool, 'a', 'write')
  await use(pool, 'a')
  t.same(files.log, ['read a', 'close a', 'write a'])
  t.equal(files.now, 1)
})

t.test('a reader that is active when a writer comes keeps the old handle until its end', async t => {
  const files = new Files()
  const pool = new HandlePool(files, 4)
  const reader = await pool.acquire('a', 'read')
  const writer = await pool.acquire('a', 'write')
  t.not(reader!.handle, writer!.handle)
  t.same(files.log, ['read a', 'write a'])
  pool.release(reader!)
  t.same(files.log, ['read a', 'write a', 'close a'])
  pool.release(writer!)
  await pool.close()
  t.equal(files.now, 0)
})

t.test('a missing file takes no room, and is looked up again', async t => {
  const files = new Files()
  files.missing.add('a')
  const pool = new HandlePool(files, 1)
  t.same(await Promise.all([pool.acquire('a', 'read'), pool.acquire('a', 'read')]), [undefined, undefined])
  files.missing.clear()
  t.ok(await pool.acquire('a', 'read'))
})

t.test('a file that fails to open takes no room, and is tried again', async t => {
  const files = new Files()
  let broken = true
  const open = async (path: string, access: Access) => {
    if (broken) throw Object.assign(new Error('no'), { code: 'EACCES' })
    return files.open(path, access)
  }
  const pool = new HandlePool({ open }, 1)
  await t.rejects(pool.acquire('a', 'read'), { code: 'EACCES' })
  broken = false
  await use(pool, 'a')
  t.equal(files.now, 1)
})

t.test('when the process is out of descriptors, an idle file is closed', async t => {
  const files = new Files()
  const pool = new HandlePool(files, 64)
  files.descriptors = 2
  for (const path of ['a', 'b', 'c']) await use(pool, path)
  t.same(files.log, ['read a', 'read b', 'close a', 'read c'])
})

t.test('when the process is out of descriptors and no file is idle, the next idle one is closed', async t => {
  const files = new Files()
  const pool = new HandlePool(files, 64)
  files.descriptors = 2
  const a = await pool.acquire('a', 'read')
  await pool.acquire('b', 'read')
  const waiting = [pool.acquire('c', 'read'), pool.acquire('d', 'read')]
  t.equal(await settled(Promise.race(waiting)), false)
  pool.release(a!)
  pool.release((await waiting[0])!)
  await waiting[1]
  t.same(files.log, ['read a', 'read b', 'close a', 'read c', 'close c', 'read d'])
})

t.test(
  'when the process is out of descriptors and no file is open, a file waits for a descriptor',
  async t => {
    const files = new Files()
    files.descriptors = 0
    const pauses: number[] = []
    const pool: HandlePool = new HandlePool(files, 64, {
      pause: async milliseconds => {
        t.equal(pool.starved, true)
        if (pauses.push(milliseconds) === 5) files.descriptors = 1
      },
    })
    await Promise.all([use(pool, 'a'), use(pool, 'b'), use(pool, 'c')])
    t.equal(pool.starved, false)
    t.equal(files.maximum, 1)
    t.ok(pauses.length >= 5)
    await use(pool, 'd', 'write')
    await pool.close()
    t.equal(files.now, 0)
  },
)

t.test(
  'if no descriptor comes for half a minute, or the storage is closed, the error is reported',
  async t => {
    const files = new Files()
    files.descriptors = 0
    let waited = 0
    const pool = new HandlePool(files, 64, {
      pause: async milliseconds => {
        waited += milliseconds
      },
    })
    await t.rejects(pool.acquire('a', 'read'), { code: 'EMFILE' })
    t.ok(waited >= 29_000 && waited <= 30_000, `${waited} ms`)
    t.equal(pool.starved, false)

    let end = () => {}
    const closing = new HandlePool(files, 64, {
      pause: () => new Promise<void>(resolve => (end = resolve)),
    })
    const waiting = t.rejects(closing.acquire('a', 'read'), { code: 'EMFILE' })
    await settled(Promise.resolve())
    closing.giveUp()
    end()
    await waiting
  },
)

t.test('a file that failed to close is remembered, as its bytes may be lost', async t => {
  const error = Object.assign(new Error('quota'), { code: 'EDQUOT' })
  const close = async () => {
    throw error
  }
  const pool = new HandlePool({ open: async () => ({ close }) as unknown as FileHandle }, 1)
  await use(pool, 'a', 'write')
  pool.check()
  await use(pool, 'b')
  t.throws(() => pool.check(), { code: 'EDQUOT' })
  await t.rejects(pool.close(), { code: 'EDQUOT' })
})

t.test('pools that share a limit close the least recently used file of any of them', async t => {
  const files = new Files()
  const limit = new OpenFileLimit(2)
  const [one, two] = [new HandlePool(files, limit), new HandlePool(files, limit)]
  await use(one, 'a')
  await use(two, 'b')
  await use(two, 'c')
  await use(one, 'd')
  t.same(files.log, ['read a', 'read b', 'close a', 'read c', 'close b', 'read d'])
  await one.close()
  t.equal(files.now, 1)
  await two.close()
  t.same([files.now, limit.openCount], [0, 0])
})

t.test('a pool with many waiting uses does not hold back another one', async t => {
  const files = new Files()
  const limit = new OpenFileLimit(1)
  const [busy, other] = [new HandlePool(files, limit), new HandlePool(files, limit)]
  const lease = await busy.acquire('0', 'read')
  const uses = Array.from({ length: 20 }, (_, index) => use(busy, `${index + 1}`))
  const waiting = use(other, 'x')
  busy.release(lease!)
  await Promise.all([...uses, waiting])
  t.ok(files.log.indexOf('read x') <= 4, files.log.slice(0, 6).join())
})
