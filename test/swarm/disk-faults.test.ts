/**
 * A disk that fails while a torrent is downloaded from its only peer. The run ends with the right exit code and names
 * the file. Verified data is kept, and a run that reports success has no wrong byte.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import net from 'node:net'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { exitCodeOf } from '../../src/cli/exit.ts'
import { Bitfield } from '../../src/codec/bitfield.ts'
import { StorageError } from '../../src/errors.ts'
import { nodeFileSystem } from '../../src/ports/file-system.ts'
import { FileStorage } from '../../src/storage/file-storage.ts'
import { writeResumeRecord } from '../../src/storage/resume-record.ts'
import { type Fault, FaultyDisk, systemError } from '../helpers/faulty-disk.ts'
import { generator } from '../helpers/feed.ts'
import { type MadeTorrent, makeTorrent } from '../helpers/metainfo.ts'
import { scriptedPeer } from '../helpers/scripted-peer.ts'
import type { Disk } from '../helpers/storage-suite.ts'
import { memoryDisk, run } from '../helpers/swarm.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

const RECORD_PATH = '/state/it.resume'

/** Pieces that cross files, an empty file, an executable file, and padding. */
const made = makeTorrent({
  files: [
    { path: 'd/a', length: 70_000 },
    { path: 'd/empty', length: 0 },
    { path: 'd/sub/b', length: 30_000, executable: true },
    { path: 'd/.pad/1', length: 14_688, pad: true },
    { path: 'd/c', length: 20_000 },
  ],
  pieceLength: 16_384,
})

/** Returns the pieces that are right on a disk. */
async function rightPieces(disk: Disk, { metainfo, content }: MadeTorrent): Promise<Set<number>> {
  const stored = Buffer.from(content)
  for (const { path, offset, length, pad } of metainfo.files) {
    if (pad) continue
    const bytes = await disk.readFile(`/home/${path}`).catch(() => Buffer.alloc(0))
    stored.fill(0, offset, offset + length)
    stored.set((bytes as Uint8Array).subarray(0, length), offset)
  }
  const right = new Set<number>()
  for (let index = 0; index < metainfo.pieceCount; index++) {
    const start = index * metainfo.pieceLength
    if (
      stored
        .subarray(start, start + metainfo.pieceLength)
        .equals(content.subarray(start, start + metainfo.pieceLength))
    )
      right.add(index)
  }
  return right
}

/** Runs one download from one peer. Returns its result, and the requested pieces. */
async function attempt(t: Test, torrent: MadeTorrent, disk: Disk) {
  const peer = await scriptedPeer(t, torrent)
  const running = run(t, torrent, { disk, peers: [peer.address], record: RECORD_PATH, timeout: 5000 })
  const error: unknown = await running.torrent.done.then(
    () => undefined,
    error => error,
  )
  await running.torrent.close()
  const asked = new Set(peer.requests.map(({ index }) => index))
  return { error, asked, verified: running.verified, warnings: running.warnings }
}

/** Returns a file with wrong bytes of a run that reported success. */
async function sameFiles(disk: Disk, { metainfo, content }: MadeTorrent): Promise<string | undefined> {
  for (const { path, offset, length, pad } of metainfo.files) {
    if (pad) continue
    const bytes = (await disk.readFile(`/home/${path}`).catch(() => undefined)) as Uint8Array | undefined
    if (!bytes || !content.subarray(offset, offset + length).equals(bytes)) return path
  }
  return undefined
}

/** Runs a download with the fault, and then one on a disk that works. */
async function survives(
  t: Test,
  title: string,
  fault: Fault,
  { torrent = made, real = memoryDisk() } = {},
): Promise<unknown> {
  const faulty = new FaultyDisk(real)
  faulty.fault = fault
  const first = await attempt(t, torrent, faulty.fs)
  const right = await rightPieces(real, torrent)
  const lost = first.verified.filter(index => !right.has(index))
  if (lost.length > 0) t.fail(`${title}: verified, and wrong on the disk: ${lost}`)
  if (first.error === undefined) {
    const wrong = await sameFiles(real, torrent)
    if (wrong !== undefined) t.fail(`${title}: done, and ${wrong} is wrong`)
  } else {
    const { message } = first.error as Error
    if (!(first.error instanceof StorageError)) t.fail(`${title}: ${first.error}`)
    if (exitCodeOf(first.error) !== 4) t.fail(`${title}: exit ${exitCodeOf(first.error)}`)
    if (!/^cannot (read|write|finish|close|link) \/home/.test(message)) t.fail(`${title}: ${message}`)
  }
  if (faulty.open !== 0) t.fail(`${title}: ${faulty.open} files left open`)
  const second = await attempt(t, torrent, real)
  if (second.error !== undefined) t.fail(`${title}, run again: ${second.error}`)
  const wrong = await sameFiles(real, torrent)
  if (wrong !== undefined) t.fail(`${title}, run again: ${wrong} is wrong`)
  const again = first.verified.filter(index => second.asked.has(index))
  if (again.length > 0) t.fail(`${title}, run again: fetched again though verified: ${again}`)
  return first.error
}

t.test('any call of the file system may fail with EIO, once or from then on', async t => {
  const counting = new FaultyDisk(memoryDisk())
  t.equal((await attempt(t, made, counting.fs)).error, undefined)
  t.ok(counting.calls > 50)
  for (const lasting of [false, true]) {
    let failed = 0
    for (let at = 0; at < counting.calls; at++) {
      const error = await survives(t, `call ${at}${lasting ? ' and all after it' : ''}`, ({ n }) => {
        if (lasting ? n >= at : n === at) throw systemError('EIO')
        return undefined
      })
      if (error) failed++
    }
    t.ok(failed > 20, `${failed} of ${counting.calls} runs ended with it`)
  }
})

t.test('any call may fail with EIO while existing files are checked', async t => {
  const halfDone = async () => {
    const disk = memoryDisk()
    await disk.mkdir('/home/d', { recursive: true })
    const half = Buffer.from(made.content.subarray(0, 70_000))
    half.fill(0, 20_000, 30_000)
    await disk.writeFile('/home/d/a', half)
    await disk.writeFile('/home/d/c', made.content.subarray(-20_000))
    return disk
  }
  const counting = new FaultyDisk(await halfDone())
  t.equal((await attempt(t, made, counting.fs)).error, undefined)
  for (let at = 0; at < counting.calls; at++) {
    const fault: Fault = ({ n }) => {
      if (n === at) throw systemError('EIO')
      return undefined
    }
    await survives(t, `call ${at}`, fault, { real: await halfDone() })
  }
})

t.test('reads and writes may be cut short anywhere', async t => {
  for (let seed = 1; seed <= 10; seed++) {
    const random = generator(seed)
    const error = await survives(t, `seed ${seed}`, ({ length }) =>
      length === 0 ? undefined : 1 + Math.floor(random() * random() * length),
    )
    t.equal(error, undefined, `seed ${seed}`)
  }
})

t.test('a write may be cut short and then fail', async t => {
  for (const code of ['EIO', 'ENOSPC', 'EDQUOT', 'EFBIG']) {
    let writes = 0
    const error = await survives(t, code, ({ name, path, length }) => {
      if (name !== 'write' || path === RECORD_PATH || !path.startsWith('/home')) return undefined
      if (++writes > 4) throw systemError(code)
      return writes === 4 ? Math.ceil(length / 3) : undefined
    })
    t.type(error, StorageError, code)
  }
})

t.test('a permission may be lost before a file is opened', async t => {
  for (const lost of ['d/a', 'd/sub', 'd/sub/b', 'd/c']) {
    const error = await survives(t, lost, ({ name, path }) => {
      if ((name === 'open' || name === 'mkdir') && path.startsWith(`/home/${lost}`))
        throw systemError('EACCES')
      return undefined
    })
    t.match(error, { code: 'ERR_PERMISSION', message: new RegExp(`^cannot write /home/${lost}`) }, lost)
  }
})

t.test('a disk that is slower than the network holds the peer back, and is not a stall', async t => {
  const clock = new VirtualClock()
  const large = makeTorrent({ files: [{ path: 'large', length: 256 * 16_384 }], pieceLength: 16_384 })
  const peer = await scriptedPeer(t, large)
  const disk = new FaultyDisk(memoryDisk())
  const held: (() => void)[] = []
  disk.fault = ({ name, path }) => {
    if (name !== 'write' || !path.startsWith('/home')) return undefined
    return new Promise(resolve => held.push(() => resolve(undefined)))
  }
  const memory = 16 * 16_384
  const running = run(t, large, { disk: disk.fs, clock, peers: [peer.address], memory, timeout: 20_000 })
  const done = running.torrent.done
  let finished = false
  void done.then(() => {
    finished = true
  })
  let maximum = 0
  while (!finished) {
    await clock.advance(7000) // the time of a write, so that the download takes longer than any timeout
    const kept = (large.metainfo.pieceCount - running.verified.length) * 16_384
    maximum = Math.max(maximum, Math.min(kept, running.torrent.progress.buffered))
    for (const release of held.splice(0)) release()
  }
  t.same(await running.file('large'), large.content)
  t.ok(maximum <= memory, `${maximum} bytes waited for the disk`)
  t.equal(peer.wires.length, 1, 'on one connection')
  t.equal(peer.requests.length, 256, 'each block was asked for once')
  t.strictSame(running.warnings, [])
  t.equal((await attempt(t, large, disk.fs)).error, undefined)
})

t.test('a process with few free descriptors downloads many files', async t => {
  const many = makeTorrent({
    files: Array.from({ length: 150 }, (_, n) => ({ path: `d/${n}`, length: 3000 + n })),
    pieceLength: 16_384,
  })
  for (const descriptors of [1, 2, 5]) {
    const real = memoryDisk()
    const faulty = new FaultyDisk(real)
    faulty.fault = ({ name }) => {
      if (name === 'open' && faulty.open >= descriptors) throw systemError('EMFILE')
      return undefined
    }
    const { error, warnings } = await attempt(t, many, faulty.fs)
    t.equal(error, undefined, `${descriptors}: ${error}`)
    t.equal(await sameFiles(real, many), undefined)
    t.ok(
      warnings.every(warning => /^(the resume record was not saved|no file descriptor)/.test(warning)),
      `${descriptors}: ${warnings}`,
    )
  }
})

t.test('connections that hold all descriptors are closed for files, and the download completes', async t => {
  const clock = new VirtualClock()
  const many = makeTorrent({
    files: Array.from({ length: 40 }, (_, n) => ({ path: `d/${n}`, length: 3000 + n })),
    pieceLength: 16_384,
  })
  const seed = await scriptedPeer(t, many)
  const silent = await Promise.all(
    Array.from({ length: 12 }, () => scriptedPeer(t, many, { sendGreeting() {} })),
  )
  const disk = new FaultyDisk(memoryDisk())
  const sockets = new Set<net.Socket>()
  const used = () => sockets.size + disk.open
  disk.fault = ({ name }) => {
    if (name === 'open' && used() >= 8) throw systemError('EMFILE')
    return undefined
  }
  const connect = ((options: net.NetConnectOpts) => {
    if (used() < 8) {
      const socket = net.connect(options)
      sockets.add(socket)
      return socket.once('close', () => sockets.delete(socket))
    }
    return net.connect({
      ...options,
      host: 'none.invalid',
      lookup: (_host, _options, done) => process.nextTick(done, systemError('EMFILE'), '', 4),
    } as net.TcpNetConnectOpts)
  }) as typeof net.connect
  const running = run(t, many, {
    disk: disk.fs,
    clock,
    connect,
    peers: [...silent, seed].map(({ address }) => address),
  })
  let finished = false
  void running.torrent.done.then(() => {
    finished = true
  })
  for (let turns = 0; !finished; turns++) {
    if (turns > 3000) throw new Error('it does not end')
    await clock.advance(100)
  }
  t.equal(await sameFiles(disk.fs, many), undefined)
  t.match(running.warnings.join('\n'), /no file descriptor is left: there are fewer connections for a minute/)
  t.notMatch(running.warnings.join('\n'), 'EMFILE', 'which is reported once, not for every peer')
})

/** Swaps a directory and a symlink to the outside, in another thread, as fast as possible. */
function swapping(t: Test, directory: string, outside: string): { end(): Promise<unknown> } {
  const program = `
    const { workerData: { directory, outside, stop } } = require('node:worker_threads')
    const { renameSync, symlinkSync, unlinkSync } = require('node:fs')
    const attempt = work => { try { work() } catch {} }
    while (Atomics.load(stop, 0) === 0) {
      attempt(() => renameSync(directory, directory + '.aside'))
      attempt(() => symlinkSync(outside, directory))
      attempt(() => unlinkSync(directory))
      attempt(() => renameSync(directory + '.aside', directory))
    }`
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(program, { eval: true, workerData: { directory, outside, stop }, execArgv: [] })
  const ended = once(worker, 'exit')
  const end = () => {
    Atomics.store(stop, 0, 1)
    return ended
  }
  t.teardown(end)
  return { end }
}

t.test(
  'a directory that keeps being replaced by a symlink leads no bytes outside, and done is right',
  { skip: process.platform !== 'linux' && 'needs /proc' },
  async t => {
    const many = makeTorrent({
      files: Array.from({ length: 120 }, (_, n) => ({ path: `d/sub/${n}`, length: 3000 + n })),
      pieceLength: 16_384,
    })
    const base = t.testdir({ home: { d: { sub: {} } }, outside: {} })
    const outside = join(base, 'outside')
    const download = async () => {
      const peer = await scriptedPeer(t, many)
      const disk = nodeFileSystem as unknown as Disk
      const output = join(base, 'home')
      const { torrent } = run(t, many, { disk, output, peers: [peer.address], timeout: 5000 })
      const error: unknown = await torrent.done.then(
        () => undefined,
        error => error,
      )
      await torrent.close()
      return error
    }
    const { end } = swapping(t, join(base, 'home/d/sub'), outside)
    for (let round = 0; round < 10; round++) {
      const error = await download()
      if (error !== undefined) t.equal(exitCodeOf(error), 4, `${error}`)
      if (error !== undefined) t.match((error as Error).message, `${base}/home/d/sub`)
      t.same(await nodeFileSystem.readdir(outside), [])
    }
    await end()
    await rm(join(base, 'home/d/sub.aside'), { recursive: true, force: true })
    t.equal(await download(), undefined)
    for (const { path, offset, length } of many.metainfo.files)
      t.ok(
        (await readFile(join(base, 'home', path))).equals(many.content.subarray(offset, offset + length)),
        path,
      )
  },
)

const sha1 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest()

t.test('a forged resume record with a valid checksum never leads to done with a wrong byte', async t => {
  const large = makeTorrent({ files: [{ path: 'large', length: 200 * 16_384 - 5 }], pieceLength: 16_384 })
  for (const wrong of [[0], [99], [199], [3, 4, 5]]) {
    const disk = memoryDisk()
    const stored = Buffer.from(large.content)
    for (const index of wrong) stored[index * 16_384]! ^= 1
    await disk.writeFile('/home/large', stored)
    const storage = new FileStorage(large.metainfo, { directory: '/home', fs: disk })
    const verified = Bitfield.full(large.metainfo.pieceCount)
    await writeResumeRecord({ fs: disk, path: RECORD_PATH, metainfo: large.metainfo, storage, verified })
    await storage.close()
    const { error, asked } = await attempt(t, large, disk)
    t.equal(error, undefined)
    t.equal(await sameFiles(disk, large), undefined, `${wrong}`)
    t.same(
      [...asked].sort((a, b) => a - b),
      wrong,
      'only what is wrong is fetched',
    )
  }
})

t.test('a resume record of random bytes with a valid checksum is ignored at worst', async t => {
  const disk = memoryDisk()
  t.equal((await attempt(t, made, disk)).error, undefined)
  const record = Buffer.from((await disk.readFile(RECORD_PATH)) as Uint8Array)
  for (let seed = 1; seed <= 40; seed++) {
    const random = generator(seed)
    const body = Buffer.from(record.subarray(0, -20))
    for (let n = 0; n < 3; n++) body[Math.floor(random() * body.length)] = Math.floor(random() * 256)
    const cut = random() < 0.3 ? body.subarray(0, Math.floor(random() * body.length)) : body
    await disk.writeFile(RECORD_PATH, Buffer.concat([cut, sha1(cut)]))
    const damaged = Buffer.from(made.content.subarray(0, 70_000))
    damaged[Math.floor(random() * damaged.length)]! ^= 1
    await disk.writeFile('/home/d/a', damaged)
    const { error } = await attempt(t, made, disk)
    if (error) t.fail(`seed ${seed}: ${error}`)
    const wrong = await sameFiles(disk, made)
    if (wrong) t.fail(`seed ${seed}: ${wrong} is wrong`)
  }
})
