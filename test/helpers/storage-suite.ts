/** The tests that every storage in files has to pass, on memfs and in a real directory. */
import { join } from 'node:path'
import type { Test } from 'tap'
import type { FileSystem } from '../../src/ports/file-system.ts'
import type { FileJobRunner } from '../../src/storage/file-job.ts'
import { FileStorage, type FileStorageOptions } from '../../src/storage/file-storage.ts'
import { runFileJob } from '../../src/storage/run-file-job.ts'
import { type FileSpec, type MadeTorrent, makeTorrent, noise } from './metainfo.ts'

/** The functions with which tests read and change files directly. `fs.promises` of Node and of memfs has them. */
export interface Disk extends FileSystem {
  readFile(path: string): Promise<unknown>
  writeFile(path: string, data: Uint8Array | string): Promise<void>
  readdir(path: string): Promise<unknown>
}

/** An empty directory to run a test in. */
export interface Home {
  readonly disk: Disk
  readonly directory: string
  /** Runs jobs on small files. @default files are opened one after the other */
  readonly jobs?: FileJobRunner
}

/** Runs jobs in this thread, in the file system of a test. */
export function jobsIn(fs: FileSystem): FileJobRunner {
  return { run: job => runFileJob(fs, job) }
}

/** Opens a storage for a made torrent, which is closed at the end of the test. */
export function open(
  t: Test,
  { disk, directory, jobs }: Home,
  made: MadeTorrent,
  options: Partial<FileStorageOptions> = {},
): FileStorage {
  const storage = new FileStorage(made.metainfo, {
    directory,
    fs: disk,
    ...(jobs ? { jobs } : {}),
    ...options,
  })
  t.teardown(() => storage.close().catch(() => {}))
  return storage
}

/** Writes all pieces of a torrent, one at a time, and completes it. */
export async function fill(storage: FileStorage, { metainfo, content }: MadeTorrent): Promise<void> {
  for (let at = 0; at < content.length; at += metainfo.pieceLength)
    await storage.write(at, content.subarray(at, at + metainfo.pieceLength))
  await storage.complete()
}

/** Returns the bytes that `read` finds of a range. */
export async function readOf(storage: FileStorage, position: number, length: number): Promise<Buffer> {
  // Not zeros, so that bytes that are not overwritten are noticed.
  const target = Buffer.alloc(length, 0xee)
  return target.subarray(0, await storage.read(position, target))
}

/** Returns the bytes of the file at a path, or undefined if there is none. */
export async function bytesAt({ disk, directory }: Home, path: string): Promise<Buffer | undefined> {
  try {
    return Buffer.from((await disk.readFile(join(directory, path))) as Uint8Array)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return undefined
  }
}

/** @param makeHome is called once for each test */
export function storageSuite(t: Test, makeHome: (t: Test) => Home): void {
  /** Asserts that each stored file holds exactly its part of the content. */
  async function sameFiles(t: Test, home: Home, { metainfo, content }: MadeTorrent): Promise<void> {
    for (const { path, offset, length, pad } of metainfo.files) {
      if (pad) continue
      t.same(await bytesAt(home, path), content.subarray(offset, offset + length), path)
    }
  }

  const shapes: Record<string, { files: FileSpec[]; pieceLength: number }> = {
    'a single file': { files: [{ path: 'a', length: 1000 }], pieceLength: 256 },
    'many files in one piece': {
      files: [1, 7, 300, 2, 90].map((length, index) => ({ path: `d/${index}`, length })),
      pieceLength: 512,
    },
    'files that end at piece borders': {
      files: [512, 256, 256, 1024].map((length, index) => ({ path: `d/${index}`, length })),
      pieceLength: 256,
    },
    'zero-length files first, between and last': {
      files: [0, 100, 0, 0, 200, 0].map((length, index) => ({ path: `d/${index}`, length })),
      pieceLength: 128,
    },
    'deep directories': {
      files: [
        { path: 'a/b/c/d', length: 300 },
        { path: 'a/b/e', length: 300 },
        { path: 'f', length: 1 },
      ],
      pieceLength: 256,
    },
    padding: {
      files: [
        { path: 'a', length: 100 },
        { path: '.pad/156', length: 156, pad: true },
        { path: 'b', length: 256 },
      ],
      pieceLength: 256,
    },
  }

  for (const [shape, spec] of Object.entries(shapes)) {
    t.test(`${shape}: written bytes are in the files, and are read back`, async t => {
      const home = makeHome(t)
      const made = makeTorrent(spec)
      const storage = open(t, home, made)
      await fill(storage, made)
      await sameFiles(t, home, made)
      t.same(await readOf(storage, 0, made.content.length), made.content)
      for (let at = 0; at < made.content.length; at += 77)
        t.same(
          await readOf(storage, at, Math.min(99, made.content.length - at)),
          made.content.subarray(at, at + 99),
        )
    })

    t.test(`${shape}: pieces may be written in reverse order and all at once`, async t => {
      const home = makeHome(t)
      const made = makeTorrent(spec)
      const storage = open(t, home, made, { maxOpenFiles: 2 })
      const pieces = Array.from({ length: made.metainfo.pieceCount }, (_, index) => index * spec.pieceLength)
      await Promise.all(
        pieces.reverse().map(at => storage.write(at, made.content.subarray(at, at + spec.pieceLength))),
      )
      await storage.complete()
      await sameFiles(t, home, made)
    })
  }

  t.test('no file is created before the first write, not even by reading or closing', async t => {
    const home = makeHome(t)
    const storage = open(
      t,
      { ...home, directory: join(home.directory, 'out') },
      makeTorrent(shapes['deep directories']!),
    )
    t.equal((await readOf(storage, 0, 100)).length, 0)
    await storage.close()
    t.same(await home.disk.readdir(home.directory), [])
  })

  t.test('a write creates the files that it covers and no others', async t => {
    const home = makeHome(t)
    const made = makeTorrent(shapes['many files in one piece']!)
    await open(t, home, made).write(2, made.content.subarray(2, 20))
    t.same(await home.disk.readdir(home.directory), ['d'])
    t.same(await home.disk.readdir(join(home.directory, 'd')), ['1', '2'])
  })

  t.test('padding is never stored, and reads as zeros even if the disk holds a file of its name', async t => {
    const home = makeHome(t)
    const made = makeTorrent(shapes.padding!)
    const storage = open(t, home, made)
    await storage.write(0, Buffer.alloc(512, 1))
    await storage.complete()
    t.equal(await bytesAt(home, '.pad/156'), undefined)
    await home.disk.mkdir(join(home.directory, '.pad'), { recursive: true })
    await home.disk.writeFile(join(home.directory, '.pad/156'), Buffer.alloc(156, 9))
    t.same(await readOf(storage, 99, 158), Buffer.from([1, ...new Uint8Array(156), 1]))
  })

  t.test('reading stops at the first byte that is missing', async t => {
    const home = makeHome(t)
    const made = makeTorrent({
      files: [100, 100, 100].map((length, index) => ({ path: `${index}`, length })),
    })
    const storage = open(t, home, made)
    await storage.write(0, made.content.subarray(0, 130))
    await storage.write(200, made.content.subarray(200))
    t.same(await readOf(storage, 50, 250), made.content.subarray(50, 130), 'a short file')
    t.equal((await readOf(storage, 130, 100)).length, 0)
    t.same(await readOf(storage, 200, 100), made.content.subarray(200), 'what lies behind the gap')
    await storage.write(130, made.content.subarray(130, 200))
    t.same(await readOf(storage, 0, 300), made.content, 'once the gap is filled')
  })

  t.test('parts of files that are not selected are dropped, and read as missing', async t => {
    const home = makeHome(t)
    const made = makeTorrent({
      files: [
        { path: 'a', length: 100 },
        { path: 'x/b', length: 100 },
        { path: 'c', length: 100 },
        { path: 'x/empty', length: 0 },
      ],
    })
    const storage = open(t, home, made, { selected: index => index === 0 || index === 2 })
    await fill(storage, made)
    t.same(await home.disk.readdir(home.directory), ['a', 'c'])
    t.same(await readOf(storage, 0, 300), made.content.subarray(0, 100))
    t.same(await readOf(storage, 200, 100), made.content.subarray(200))
  })

  t.test('a file that is not selected but exists is read, and never written', async t => {
    const home = makeHome(t)
    const made = makeTorrent({
      files: [
        { path: 'a', length: 100 },
        { path: 'b', length: 100 },
      ],
    })
    const old = Buffer.concat([noise(100, 5), noise(50, 6)])
    await home.disk.writeFile(join(home.directory, 'b'), old)
    const storage = open(t, home, made, { selected: index => index === 0 })
    await fill(storage, made)
    t.same(
      await readOf(storage, 0, 200),
      Buffer.concat([made.content.subarray(0, 100), old.subarray(0, 100)]),
    )
    t.same(await bytesAt(home, 'b'), old)
  })

  t.test('a file that is not selected and cannot be read counts as missing', async t => {
    const home = makeHome(t)
    const made = makeTorrent({ files: ['a', 'b', 'x/c', 'd'].map(path => ({ path, length: 100 })) })
    await home.disk.mkdir(join(home.directory, 'b'), { recursive: true })
    await home.disk.writeFile(join(home.directory, 'x'), 'a file')
    await home.disk.symlink('a', join(home.directory, 'd'))
    const storage = open(t, home, made, { selected: index => index === 0 })
    await fill(storage, made)
    t.same(await readOf(storage, 0, 400), made.content.subarray(0, 100))
    for (const at of [100, 200, 300]) t.equal((await readOf(storage, at, 100)).length, 0)
    await storage.complete()
  })

  t.test('completing truncates files that are too long, and nothing else does', async t => {
    const home = makeHome(t)
    const made = makeTorrent({
      files: [
        { path: 'a', length: 100 },
        { path: 'b', length: 0 },
      ],
    })
    await home.disk.writeFile(join(home.directory, 'a'), noise(500, 9))
    await home.disk.writeFile(join(home.directory, 'b'), 'full')
    const storage = open(t, home, made)
    await storage.write(0, made.content)
    t.equal((await bytesAt(home, 'a'))?.length, 500)
    await storage.complete()
    t.same(await bytesAt(home, 'a'), made.content)
    t.same(await bytesAt(home, 'b'), Buffer.alloc(0))
  })

  t.test('completing does not create a file that was never written', async t => {
    const home = makeHome(t)
    await open(t, home, makeTorrent({ files: [{ path: 'a', length: 100 }] })).complete()
    t.equal(await bytesAt(home, 'a'), undefined)
  })

  t.test('completing makes executables of the torrent executable, and no other file', async t => {
    const home = makeHome(t)
    const made = makeTorrent({
      files: [
        { path: 'run', length: 10, executable: true },
        { path: 'plain', length: 10 },
      ],
    })
    await home.disk.writeFile(join(home.directory, 'run'), '')
    await fill(open(t, home, made), made)
    const { mode } = await home.disk.lstat(join(home.directory, 'run'))
    t.equal(mode & 0o111, (mode & 0o444) >> 2)
    t.not(mode & 0o111, 0)
    t.equal((await home.disk.lstat(join(home.directory, 'plain'))).mode & 0o111, 0)
  })

  t.test('symlinks lead to their targets, and completing again does not change them', async t => {
    const home = makeHome(t)
    const made = makeTorrent({
      files: [
        { path: 'lib/so.1.2', length: 10 },
        { path: 'bin/deep/so', symlink: 'lib/so.1.2' },
        { path: 'lib/so', symlink: 'lib/so.1.2' },
      ],
    })
    const storage = open(t, home, made)
    await fill(storage, made)
    await storage.complete()
    t.equal(await home.disk.readlink(join(home.directory, 'bin/deep/so')), join('..', '..', 'lib', 'so.1.2'))
    t.equal(await home.disk.readlink(join(home.directory, 'lib/so')), 'so.1.2')
    t.same(await bytesAt(home, 'bin/deep/so'), made.content)
  })

  t.test('a second storage finds the data of the first one, and continues', async t => {
    const home = makeHome(t)
    const made = makeTorrent(shapes['many files in one piece']!)
    const first = open(t, home, made)
    await first.write(0, made.content.subarray(0, 200))
    await first.close()
    const second = open(t, home, made)
    t.same(await readOf(second, 0, 400), made.content.subarray(0, 200))
    await second.write(200, made.content.subarray(200))
    t.same(await readOf(second, 0, 400), made.content)
    await sameFiles(t, home, made)
  })

  t.test('a file that was opened for reading can still be written', async t => {
    const home = makeHome(t)
    const made = makeTorrent(shapes['a single file']!)
    await home.disk.writeFile(join(home.directory, 'a'), made.content.subarray(0, 500))
    const storage = open(t, home, made, { maxOpenFiles: 1 })
    const [before] = await Promise.all([
      readOf(storage, 0, 500),
      storage.write(500, made.content.subarray(500)),
    ])
    t.same(before, made.content.subarray(0, 500))
    t.same(await readOf(storage, 0, 1000), made.content)
  })

  t.test('closing waits for running operations, may be repeated, and ends the storage', async t => {
    const home = makeHome(t)
    const made = makeTorrent(shapes['many files in one piece']!)
    const storage = open(t, home, made)
    let written = false
    const write = storage.write(0, made.content).then(() => (written = true))
    const closing = storage.close()
    t.equal(storage.close(), closing)
    await closing
    t.equal(written, true)
    await write
    await sameFiles(t, home, made)
    const closed = { name: 'StorageError', code: 'ERR_ABORTED' }
    await t.rejects(storage.write(0, made.content), closed)
    await t.rejects(storage.read(0, Buffer.alloc(1)), closed)
    await t.rejects(storage.complete(), closed)
  })

  t.test('a range outside of the torrent is an InputError', async t => {
    const made = makeTorrent(shapes['a single file']!)
    const storage = open(t, makeHome(t), made)
    await t.rejects(storage.write(990, Buffer.alloc(11)), { name: 'InputError' })
    await t.rejects(storage.read(-1, Buffer.alloc(1)), { name: 'InputError' })
  })

  t.test('a file in the place of a directory, and a directory in the place of a file, are named', async t => {
    const home = makeHome(t)
    const made = makeTorrent({
      files: [
        { path: 'a/b', length: 10 },
        { path: 'c', length: 10 },
      ],
    })
    await home.disk.writeFile(join(home.directory, 'a'), 'a file')
    await home.disk.mkdir(join(home.directory, 'c'), { recursive: true })
    const storage = open(t, home, made)
    await t.rejects(storage.write(0, made.content.subarray(0, 10)), {
      code: 'ERR_STORAGE',
      message: `cannot write ${join(home.directory, 'a/b')}: a file is where a directory is needed (move it away)`,
      cause: { code: 'ENOTDIR' },
    })
    await t.rejects(storage.write(10, made.content.subarray(10)), {
      code: 'ERR_STORAGE',
      message: `cannot write ${join(home.directory, 'c')}: a directory is where a file is needed (move it away)`,
      cause: { code: 'EISDIR' },
    })
  })
}
