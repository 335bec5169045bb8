import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createFsFromVolume, Volume } from 'memfs'
import t, { type Test } from 'tap'
import { encode } from '../../src/codec/bencode.ts'
import { Bitfield } from '../../src/codec/bitfield.ts'
import type { FileHandle } from '../../src/ports/file-system.ts'
import type { FileJobRunner } from '../../src/storage/file-job.ts'
import { FileStates } from '../../src/storage/file-states.ts'
import type { FileStorageOptions } from '../../src/storage/file-storage.ts'
import {
  type ReadResumeRecordOptions,
  readResumeRecord,
  resumePath,
  writeResumeRecord,
} from '../../src/storage/resume-record.ts'
import { generator } from '../helpers/feed.ts'
import { type FileSpec, type MadeTorrent, makeTorrent, noise } from '../helpers/metainfo.ts'
import { bytesAt, type Disk, type Home, jobsIn, open, readOf } from '../helpers/storage-suite.ts'

import { WorstDisk } from '../helpers/worst-disk.ts'

/** Pieces 0 to 3 in a, 3 in pad too, 4 and 5 in b, 5 to 7 in c. */
const spec: { files: FileSpec[]; pieceLength: number } = {
  files: [
    { path: 'd/a', length: 1000 },
    { path: '.pad/24', length: 24, pad: true },
    { path: 'd/b', length: 300 },
    { path: 'empty', length: 0 },
    { path: 'c', length: 700 },
  ],
  pieceLength: 256,
}
const made = makeTorrent(spec)
const all = [0, 1, 2, 3, 4, 5, 6, 7]

const sha1 = (data: Uint8Array) => createHash('sha1').update(data).digest()
const pathIn = (home: Home) => join(home.directory, 'state', 'here', 'it.resume')
const outputOf = (home: Home): Home => ({ ...home, directory: join(home.directory, 'out') })

function bits(pieces: Iterable<number>, { metainfo }: MadeTorrent = made): Bitfield {
  const set = new Bitfield(metainfo.pieceCount)
  for (const index of pieces) set.add(index)
  return set
}

/** Writes these pieces and a record of them, like a run that ends. */
async function record(
  t: Test,
  home: Home,
  {
    pieces = all,
    torrent = made,
    ...options
  }: Partial<FileStorageOptions> & {
    pieces?: number[]
    torrent?: MadeTorrent
  } = {},
): Promise<void> {
  const { metainfo, content } = torrent
  const storage = open(t, outputOf(home), torrent, options)
  for (const index of pieces) {
    const at = index * metainfo.pieceLength
    await storage.write(at, content.subarray(at, at + metainfo.pieceLength))
  }
  const verified = bits(pieces, torrent)
  await writeResumeRecord({ fs: home.disk, path: pathIn(home), metainfo, storage, verified })
  await storage.close()
}

/** Returns the pieces that the next run trusts. */
async function resume(
  t: Test,
  home: Home,
  options: Partial<ReadResumeRecordOptions & FileStorageOptions> & { torrent?: MadeTorrent } = {},
) {
  const { torrent = made, fs = home.disk, selected, ...rest } = options
  const storage = open(t, outputOf({ ...home, disk: fs as Disk }), torrent, selected && { selected })
  const path = pathIn(home)
  const { trusted, sample, reason } = await readResumeRecord({
    fs,
    path,
    metainfo: torrent.metainfo,
    storage,
    ...rest,
  })
  return { trusted: [...trusted], sample, reason }
}

/** Wraps a file system to change the handles of some paths. */
function wrapHandles(disk: Disk, path: RegExp, replace: (real: FileHandle) => Partial<FileHandle>): Disk {
  return Object.assign(Object.create(disk), {
    open: async (at: string, flags: number, mode?: number) => {
      const real = await disk.open(at, flags, mode)
      return path.test(at) ? Object.assign(Object.create(real), bindMethods(real), replace(real)) : real
    },
  })
}

/** Returns the functions of a handle, bound to it. */
function bindMethods(real: FileHandle): FileHandle {
  return {
    read: real.read.bind(real),
    write: real.write.bind(real),
    stat: real.stat.bind(real),
    datasync: real.datasync.bind(real),
    sync: real.sync.bind(real),
    truncate: real.truncate.bind(real),
    chmod: real.chmod.bind(real),
    close: real.close.bind(real),
  }
}

function suite(t: Test, makeHome: (t: Test) => Home): void {
  t.test('verified pieces are trusted after a restart', async t => {
    const home = makeHome(t)
    await record(t, home)
    t.same(await resume(t, home, { random: () => 0 }), { trusted: all, sample: all, reason: undefined })
  })

  t.test('pieces that were not verified are not trusted, wherever they lie', async t => {
    const home = makeHome(t)
    await record(t, home, { pieces: [1, 3, 5] })
    t.same((await resume(t, home)).trusted, [1, 3, 5])
  })

  t.test('without a record nothing is trusted, and a warning says that there is none', async t => {
    const home = makeHome(t)
    t.same(await resume(t, home), {
      trusted: [],
      sample: [],
      reason: `no resume record at ${pathIn(home)}`,
    })
  })

  t.test('a truncated file invalidates its own pieces and no others', async t => {
    const home = makeHome(t)
    await record(t, home)
    await home.disk.writeFile(join(outputOf(home).directory, 'd/b'), made.content.subarray(1024, 1323))
    t.same(await resume(t, home, { random: () => 0 }), {
      trusted: [0, 1, 2, 3, 6, 7],
      sample: [0, 1, 2, 3, 6, 7],
      reason: `2 of the 8 pieces in ${pathIn(home)} are doubtful: 1 of 3 files are not as they were`,
    })
  })

  t.test('a file that is missing, or a directory now, invalidates its own pieces', async t => {
    const home = makeHome(t)
    await record(t, home)
    await home.disk.unlink(join(outputOf(home).directory, 'c'))
    t.same((await resume(t, home)).trusted, [0, 1, 2, 3, 4])
    await home.disk.mkdir(join(outputOf(home).directory, 'c'), { recursive: false })
    t.same((await resume(t, home)).trusted, [0, 1, 2, 3, 4])
  })

  t.test('a file of the same size in place of another is not trusted, even with the right bytes', async t => {
    const home = makeHome(t)
    await record(t, home)
    const at = join(outputOf(home).directory, 'd/a')
    await home.disk.writeFile(`${at}.copy`, made.content.subarray(0, 1000))
    await home.disk.rename(`${at}.copy`, at)
    t.same((await resume(t, home)).trusted, [4, 5, 6, 7])
  })

  t.test('a byte that changes right after the record was written is noticed', async t => {
    const home = makeHome(t)
    await record(t, home)
    const handle = await home.disk.open(join(outputOf(home).directory, 'c'), home.disk.constants.O_RDWR)
    await handle.write(Buffer.from([made.content[1324]!]), 0, 1, 0)
    await handle.close()
    t.same((await resume(t, home)).trusted, [0, 1, 2, 3, 4])
  })

  t.test('a file that was recorded while too short for a piece does not vouch for it', async t => {
    const home = makeHome(t)
    const storage = open(t, outputOf(home), made)
    await storage.write(0, made.content.subarray(0, 300))
    // The record names all eight, although only the first is complete.
    const { metainfo } = made
    await writeResumeRecord({ fs: home.disk, path: pathIn(home), metainfo, storage, verified: bits(all) })
    await storage.close()
    t.same((await resume(t, home)).trusted, [0])
  })

  t.test('a record with any bit flipped, or cut anywhere, is ignored', async t => {
    const home = makeHome(t)
    await record(t, home)
    const good = Buffer.from((await home.disk.readFile(pathIn(home))) as Uint8Array)
    for (let at = 0; at < good.length; at++) {
      const edited = Buffer.from(good)
      edited[at]! ^= 1 << (at % 8)
      await home.disk.writeFile(pathIn(home), edited)
      const { trusted, reason } = await resume(t, home)
      if (trusted.length > 0 || !reason?.includes('torn')) t.fail(`byte ${at} flipped: ${reason}`)
      await home.disk.writeFile(pathIn(home), good.subarray(0, at))
      if ((await resume(t, home)).trusted.length > 0) t.fail(`cut to ${at} bytes`)
    }
    await home.disk.writeFile(pathIn(home), good)
    t.same((await resume(t, home)).trusted, all)
  })

  t.test('a record of another torrent is ignored', async t => {
    const home = makeHome(t)
    await record(t, home)
    const torrent = makeTorrent({ ...spec, seed: 2 })
    t.match(await resume(t, home, { torrent }), { trusted: [], reason: 'it is of another torrent' })
  })

  t.test('a record of another version, or without required fields, is ignored', async t => {
    const home = makeHome(t)
    const { metainfo } = made
    await record(t, home)
    const good = {
      version: 1,
      'info-hash': metainfo.infoHash,
      pieces: Buffer.from([0]),
      files: metainfo.files.map(() => ''),
    }
    const bad: [object, string | undefined][] = [
      [good, undefined],
      [{ ...good, version: 2 }, 'it is of version 2, and only 1 is known here'],
      [{ ...good, version: undefined }, 'it is of version undefined'],
      [{ ...good, files: [] }, 'it does not tell of 5 files'],
      [{ ...good, files: undefined }, 'it does not tell of 5 files'],
      [{ ...good, pieces: undefined }, 'bitfield of 0 bytes, expected 1'],
      [{ ...good, pieces: Buffer.alloc(2) }, 'bitfield of 2 bytes, expected 1'],
    ]
    for (const [fields, reason] of bad) {
      const body = encode(fields as Parameters<typeof encode>[0])
      await home.disk.writeFile(pathIn(home), Buffer.concat([body, sha1(body)]))
      t.match(await resume(t, home), { trusted: [], reason })
    }
    const odd = Buffer.from('i1e')
    await home.disk.writeFile(pathIn(home), Buffer.concat([odd, sha1(odd)]))
    t.match(await resume(t, home), { trusted: [], reason: 'it is of version undefined' })
  })

  t.test('a record of 1 GiB is not read', async t => {
    const home = makeHome(t)
    await record(t, home)
    const disk = wrapHandles(home.disk, /it\.resume$/, real => ({
      read: async () => t.fail('was read') as never,
      stat: (async () =>
        Object.assign(await real.stat(), { size: 2 ** 30 })) as unknown as FileHandle['stat'],
    }))
    t.match(await resume(t, home, { fs: disk }), {
      trusted: [],
      reason: 'it has 1073741824 bytes, more than',
    })
  })

  t.test('a record that is a directory, or unreadable, is ignored', async t => {
    const home = makeHome(t)
    await record(t, home)
    const disk = wrapHandles(home.disk, /it\.resume$/, () => ({
      read: () => Promise.reject(Object.assign(new Error('bad sector'), { code: 'EIO' })),
    }))
    t.match(await resume(t, home, { fs: disk }), { trusted: [], reason: 'bad sector' })
    await home.disk.unlink(pathIn(home))
    await home.disk.mkdir(pathIn(home), { recursive: false })
    t.match(await resume(t, home), { trusted: [], reason: /no use of .*: / })
  })

  t.test('a record of very many pieces and files can be read', async t => {
    const home = makeHome(t)
    const torrent = makeTorrent({
      files: Array.from({ length: 200 }, (_, index) => ({ path: `${index}`, length: 80 })),
      pieceLength: 1,
    })
    const { content, metainfo } = torrent
    const storage = open(t, outputOf(home), torrent)
    await storage.write(0, content)
    const verified = bits(Array(16000).keys(), torrent)
    await writeResumeRecord({ fs: home.disk, path: pathIn(home), metainfo, storage, verified })
    t.equal((await resume(t, home, { torrent })).trusted.length, 16000)
  })

  t.test('pieces that reach into a file that is not selected are not trusted', async t => {
    const home = makeHome(t)
    const selected = (index: number) => index !== 2
    await home.disk.mkdir(join(outputOf(home).directory, 'd'), { recursive: true })
    await home.disk.writeFile(join(outputOf(home).directory, 'd/b'), noise(300, 7))
    await record(t, home, { selected })
    t.same((await resume(t, home, { selected })).trusted, [0, 1, 2, 3, 6, 7])
    t.same((await resume(t, home)).trusted, [0, 1, 2, 3, 6, 7], 'nor when it is selected later')
  })

  t.test(
    'only its owner can read the record, also after a killed process left a readable temporary file',
    async t => {
      const home = makeHome(t)
      await home.disk.mkdir(dirname(pathIn(home)), { recursive: true })
      await home.disk.writeFile(`${pathIn(home)}.next`, noise(5000, 3))
      await record(t, home)
      t.equal((await home.disk.lstat(pathIn(home))).mode & 0o777, 0o600)
      t.same(await home.disk.readdir(dirname(pathIn(home))), ['it.resume'])
      t.same((await resume(t, home)).trusted, all)
    },
  )

  t.test('a piece that is stored while the storage is synced is not in the record', async t => {
    const home = makeHome(t)
    const disk = new WorstDisk(home.disk)
    const storage = open(t, outputOf({ ...home, disk: disk.fs as Disk }), made)
    await storage.write(0, made.content)
    const verified = bits([0, 1])
    disk.beforeDatasync = () => void verified.add(2)
    const { metainfo } = made
    await writeResumeRecord({ fs: disk.fs, path: pathIn(home), metainfo, storage, verified })
    await storage.close()
    t.same([...verified], [0, 1, 2])
    t.same((await resume(t, home)).trusted, [0, 1])
  })

  t.test('after a kill at any step and the loss of unsynced data, no wrong piece is trusted', async t => {
    // The pieces that the first run recorded. The second one writes to c and d/b, so that only d/a is unchanged.
    const first = [0, 1, 2, 3, 6]
    const second = [4, 5, 7]
    let alive = false
    const kept = new Set<string>()
    for (let diesAt = 1; !alive; diesAt++) {
      const home = makeHome(t)
      const disk = new WorstDisk(home.disk)
      // Jobs sync the files while they write them.
      const jobs = home.jobs && jobsIn(disk.fs)
      const worst = { ...home, disk: disk.fs as Disk, ...(jobs && { jobs }) }
      await record(t, worst, { pieces: first })
      disk.diesAt = disk.calls + diesAt
      try {
        await record(t, worst, { pieces: second, maxOpenFiles: 1 })
        alive = true
      } catch (error) {
        t.match(error, { code: 'ERR_STORAGE', cause: { message: 'killed' } })
      }
      await disk.crash()
      const { trusted } = await resume(t, worst)
      kept.add(trusted.join())
      const storage = open(t, outputOf(worst), made)
      for (const index of trusted) {
        const at = index * 256
        const length = Math.min(256, made.content.length - at)
        if (!made.content.subarray(at, at + length).equals(await readOf(storage, at, length)))
          t.fail(`killed at step ${diesAt}: piece ${index} is wrong and trusted`)
      }
      if (diesAt > 5000) throw new Error('the run has no end')
    }
    // The first record, before a write; the rest of it; the second record.
    t.same([...kept].sort(), ['0,1,2,3', '0,1,2,3,6', '4,5,7'])
  })

  t.test('a file that was closed during the sync to make room is synced as well', async t => {
    const home = makeHome(t)
    const disk = new WorstDisk(home.disk)
    const worst = { ...home, disk: disk.fs as Disk }
    await record(t, worst, { maxOpenFiles: 1 })
    await disk.crash()
    t.same((await resume(t, worst)).trusted, all)
    t.same(await readOf(open(t, outputOf(home), made), 0, made.content.length), made.content)
  })

  t.test('a failed sync leaves the older record, and later records exclude its files', async t => {
    const home = makeHome(t)
    await record(t, home, { pieces: [0] })
    const before = await bytesAt(home, 'state/here/it.resume')
    let failing = true
    const disk = wrapHandles(home.disk, /c$/, real => ({
      datasync: async () => {
        if (!failing) return real.datasync()
        throw Object.assign(new Error('i/o'), { code: 'EIO' })
      },
    }))
    const storage = open(t, outputOf({ ...home, disk }), made)
    await storage.write(0, made.content)
    const { metainfo } = made
    const write = () =>
      writeResumeRecord({ fs: disk, path: pathIn(home), metainfo, storage, verified: bits(all) })
    const failed = {
      name: 'StorageError',
      code: 'ERR_STORAGE',
      message: /cannot write .*c: input.output error/,
    }
    await t.rejects(write(), failed)
    failing = false
    await t.rejects(write(), failed, 'what the system forgot is not there the second time either')
    t.same(await bytesAt(home, 'state/here/it.resume'), before)
  })

  t.test('a file that failed to close counts as not synced', async t => {
    const home = makeHome(t)
    const disk = wrapHandles(home.disk, /a$/, real => ({
      close: async () => {
        await real.close()
        throw Object.assign(new Error('quota'), { code: 'EDQUOT' })
      },
    }))
    const storage = open(t, outputOf({ ...home, disk }), made, { maxOpenFiles: 1 })
    await storage.write(0, made.content)
    await t.rejects(storage.sync(), { code: 'ERR_DISK_FULL', message: 'cannot close' })
  })

  t.test('a sync that begins during another ends no earlier than that one', async t => {
    const home = makeHome(t)
    const disk = new WorstDisk(home.disk)
    let go = () => {}
    const gate = new Promise<void>(resolve => (go = resolve))
    disk.beforeDatasync = () => gate
    const storage = open(t, outputOf({ ...home, disk: disk.fs as Disk }), made)
    await storage.write(0, made.content)
    const ended: number[] = []
    const syncs = [1, 2].map(async number => {
      await storage.sync()
      ended.push(number)
    })
    await new Promise(resolve => setImmediate(resolve))
    t.same(ended, [])
    go()
    await Promise.all(syncs)
    t.same(ended, [1, 2])
  })

  t.test('a file that is written to during its sync is synced again the next time', async t => {
    const home = makeHome(t)
    const disk = new WorstDisk(home.disk)
    const synced: string[] = []
    const storage = open(t, outputOf({ ...home, disk: disk.fs as Disk }), made)
    await storage.write(0, made.content.subarray(0, 256))
    disk.beforeDatasync = async path => {
      synced.push(path.slice(-1))
      if (synced.length === 1) await storage.write(256, made.content.subarray(256, 512))
    }
    await storage.sync()
    await storage.sync()
    await storage.sync()
    t.same(synced, ['a', 'a'])
  })

  t.test('a sync does not create a file that was deleted', async t => {
    const home = makeHome(t)
    const storage = open(t, outputOf(home), made, { maxOpenFiles: 1 })
    await storage.write(0, made.content)
    await home.disk.unlink(join(outputOf(home).directory, 'd/a'))
    await storage.sync()
    t.same(await home.disk.readdir(join(outputOf(home).directory, 'd')), ['b'])
  })

  t.test('a file that is written to without a pause is left out', async t => {
    const home = makeHome(t)
    const storage = open(t, outputOf(home), made)
    await storage.write(0, made.content)
    const later = 10n ** 24n
    let looks = 0
    const busy = {
      sync: () => storage.sync(),
      states: async (indexes: readonly number[]) => {
        const states = await storage.states(indexes)
        const at = indexes.indexOf(0)
        if (at < 0) return states
        looks++
        states.set(at, { size: 1000n, mtimeNs: 0n, ino: 1n, dev: 1n, ctimeNs: later + BigInt(looks) })
        return states
      },
    }
    const { metainfo } = made
    const path = pathIn(home)
    await writeResumeRecord({ fs: home.disk, path, metainfo, storage: busy, verified: bits(all) })
    t.same((await resume(t, home)).trusted, [4, 5, 6, 7])
    t.ok(looks > 1 && looks < 2000, `${looks} looks`)
  })

  t.test('changes within the current tick of the clock are recorded later', async t => {
    const home = makeHome(t)
    const storage = open(t, outputOf(home), made)
    await storage.write(0, made.content)
    // A clock that advances at every third reading.
    const tick = 1000n
    const start = 10n ** 18n
    let looks = 0n
    const disk = wrapHandles(home.disk, /\.next$/, real => ({
      stat: (async () => ({
        ...(await real.stat({ bigint: true })),
        mtimeNs: start + (looks++ / 3n) * tick,
      })) as unknown as FileHandle['stat'],
    }))
    const taken: bigint[] = []
    const ticking = {
      sync: () => storage.sync(),
      states: async (indexes: readonly number[]) => {
        const states = new FileStates(indexes.length)
        for (const [at, index] of indexes.entries()) {
          if (index === 0) taken.push(looks)
          const ctimeNs = index === 0 ? start + tick : 0n
          states.set(at, { size: 1000n, mtimeNs: 0n, ctimeNs, ino: 1n, dev: 1n })
        }
        return states
      },
    }
    const { metainfo } = made
    const path = pathIn(home)
    await writeResumeRecord({ fs: disk, path, metainfo, storage: ticking, verified: bits(all) })
    t.equal(taken.at(-1), 7n, 'the first look at the clock in the tick after its change')
    t.equal((await readResumeRecord({ fs: home.disk, path, metainfo, storage: ticking })).trusted.count, 8)
  })

  t.test('a closed storage is an error, and the older record stays', async t => {
    const home = makeHome(t)
    await record(t, home)
    const storage = open(t, outputOf(home), made)
    await storage.close()
    const { metainfo } = made
    const closed = { code: 'ERR_ABORTED' }
    const path = pathIn(home)
    await t.rejects(writeResumeRecord({ fs: home.disk, path, metainfo, storage, verified: bits([]) }), closed)
    await t.rejects(readResumeRecord({ fs: home.disk, path, metainfo, storage }), closed)
    t.same((await resume(t, home)).trusted, all)
  })

  t.test('a record that cannot be written is a StorageError that names it, and leaves nothing', async t => {
    const home = makeHome(t)
    const disk = wrapHandles(home.disk, /\.next$/, () => ({
      sync: () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' })),
    }))
    await t.rejects(record(t, { ...home, disk }), {
      name: 'StorageError',
      code: 'ERR_DISK_FULL',
      message: `cannot write ${pathIn(home)}: no space left on device`,
    })
    t.same(await home.disk.readdir(dirname(pathIn(home))), [])
  })

  t.test('states are those of selected files that exist, and of no others', async t => {
    const home = makeHome(t)
    const storage = open(t, outputOf(home), made, { selected: index => index !== 2 })
    const sizes = async () => {
      const states = await storage.states([0, 1, 2])
      return [0, 1, 2].map(at => (states.has(at) ? states.sizeOf(at) : undefined))
    }
    t.same(await sizes(), [undefined, undefined, undefined])
    t.same(await home.disk.readdir(home.directory), [])
    await home.disk.mkdir(join(outputOf(home).directory, 'd'), { recursive: true })
    await home.disk.writeFile(join(outputOf(home).directory, 'd/b'), noise(300, 7))
    await storage.write(0, made.content)
    t.same(await sizes(), [1000, undefined, undefined], 'one is padding, and one not selected')
    await t.rejects(storage.states([0, 5]), { code: 'ERR_USAGE', message: 'no file 5: the torrent has 5' })
  })
}

t.test('a record in memory passes the suite', async t => {
  suite(t, () => {
    const disk = createFsFromVolume(Volume.fromJSON({ '/home': null })).promises
    return { disk: disk as unknown as Disk, directory: '/home' }
  })
})

t.test('a record in memory passes the suite with jobs for small files', async t => {
  suite(t, () => {
    const disk = createFsFromVolume(Volume.fromJSON({ '/home': null })).promises as unknown as Disk
    return { disk, directory: '/home', jobs: slowJobsIn(disk) }
  })
})

/** Creates jobs on a slow device: files are not synced while they are written. */
function slowJobsIn(disk: Disk): FileJobRunner {
  const { run } = jobsIn(disk)
  return {
    run: ({ directory, work }) =>
      run({ directory, work: work.kind === 'write' ? { ...work, sync: false } : work }),
  }
}

function realHome(t: Test): Home {
  const directory = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'tsdl-resume-')))
  t.teardown(() => fs.rmSync(directory, { recursive: true, force: true }))
  return { disk: fs.promises, directory }
}

t.test('a record in a real directory passes the suite', async t => {
  suite(t, realHome)
})

t.test('a byte that is changed is noticed even if the time is set back', async t => {
  const home = realHome(t)
  await record(t, home)
  const at = join(home.directory, 'out/d/a')
  // A time that utimes can put back to the nanosecond.
  fs.utimesSync(at, 1_000_000_000, 1_000_000_000)
  const storage = open(t, outputOf(home), made)
  const { metainfo } = made
  await writeResumeRecord({ fs: home.disk, path: pathIn(home), metainfo, storage, verified: bits(all) })
  t.same((await resume(t, home)).trusted, all)
  const before = fs.statSync(at, { bigint: true })
  const bytes = fs.readFileSync(at)
  bytes[500]! ^= 1
  fs.writeFileSync(at, bytes)
  fs.utimesSync(at, 1_000_000_000, 1_000_000_000)
  const after = fs.statSync(at, { bigint: true })
  t.same([after.mtimeNs, after.size, after.ino], [before.mtimeNs, before.size, before.ino])
  t.same((await resume(t, home)).trusted, [4, 5, 6, 7])
})

t.test('a real file of 1 GiB in place of the record is ignored', async t => {
  const home = realHome(t)
  await record(t, home)
  fs.truncateSync(pathIn(home), 2 ** 30)
  t.match(await resume(t, home), { trusted: [], reason: 'it has 1073741824 bytes, more than' })
})

t.test('a file that became a symlink to the outside is not read, and not trusted', async t => {
  const home = realHome(t)
  await record(t, home)
  const at = join(home.directory, 'out/c')
  fs.renameSync(at, join(home.directory, 'moved'))
  fs.symlinkSync(join(home.directory, 'moved'), at)
  t.same((await resume(t, home)).trusted, [0, 1, 2, 3, 4])
  t.notOk((await open(t, outputOf(home), made).states([4])).has(0))
})

t.test('the sample is eight random pieces and the last one, each once', async t => {
  const home: Home = realHome(t)
  const torrent = makeTorrent({ files: [{ path: 'f', length: 100 }], pieceLength: 1 })
  const pieces = Array.from({ length: 97 }, (_, index) => index)
  await record(t, home, { torrent, pieces })
  const seen = new Set<number>()
  for (let seed = 1; seed <= 100; seed++) {
    const { sample } = await resume(t, home, { torrent, random: generator(seed), sampleBytes: 0 })
    t.equal(new Set(sample).size, 9, `seed ${seed}`)
    t.equal(sample.at(-1), 96)
    for (const index of sample) seen.add(index)
  }
  t.same(
    [...seen].sort((a, b) => a - b),
    pieces,
    'every trusted piece has its chance',
  )
  t.equal(
    (await resume(t, home, { torrent, sampleBytes: 20 })).sample.length,
    21,
    'more, where they are small',
  )
  t.same(
    [...(await resume(t, home, { torrent })).sample].sort((a, b) => a - b),
    pieces,
    'all of a small torrent',
  )
})

t.test('the sample is of few pieces if they consist of many files', async t => {
  const home: Home = realHome(t)
  const files = Array.from({ length: 5000 }, (_, index) => ({
    path: `f/${index}`,
    length: index < 50 ? 2 : 0,
  }))
  const torrent = makeTorrent({ files, pieceLength: 5 })
  await record(t, home, { torrent, pieces: Array.from({ length: 20 }, (_, index) => index) })
  t.equal((await resume(t, home, { torrent })).sample.length, 17, '16 and the last one: 4,096 of 5,000 files')
})

t.test('each torrent and output directory has its own record', t => {
  const { infoHash } = made.metainfo
  const at = (hash: Buffer, output: string) => resumePath('/state', hash, output)
  t.match(at(infoHash, '/out'), new RegExp(`^/state/${infoHash.toString('hex')}-[0-9a-f]{16}\\.resume$`))
  t.equal(at(infoHash, '/out'), at(infoHash, '/x/../out/'))
  t.equal(at(infoHash, 'out'), at(infoHash, resolve('out')))
  t.not(at(infoHash, '/out'), at(infoHash, '/out2'))
  t.not(at(infoHash, '/out'), at(sha1(infoHash), '/out'))
  t.end()
})
