import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { StorageError } from '../../src/errors.ts'
import type { FileHandle } from '../../src/ports/file-system.ts'
import { FileStorage } from '../../src/storage/file-storage.ts'
import { storageError } from '../../src/storage/storage-error.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { bytesAt, type Disk, type Home, open, readOf } from '../helpers/storage-suite.ts'

const systemError = (code: string) => Object.assign(new Error(`${code}: as the system says`), { code })

/** Wraps the real disk, to replace some methods of its open files. */
function homeWith(t: Test, change: (handle: FileHandle) => Partial<FileHandle>): Home {
  const disk = {
    ...fs.promises,
    open: async (path: string, flags: number, mode?: number) => {
      const real: FileHandle = await fs.promises.open(path, flags, mode)
      return {
        read: real.read.bind(real),
        write: real.write.bind(real),
        stat: real.stat.bind(real),
        truncate: real.truncate.bind(real),
        chmod: real.chmod.bind(real),
        close: real.close.bind(real),
        ...change(real),
      }
    },
  } as unknown as Disk
  return { disk, directory: t.testdir() }
}

const made = makeTorrent({ files: [{ path: 'd/f', length: 1000, executable: true }] })

t.test('a system error becomes a code, a sentence with the path, and a cause', async t => {
  const expected: Record<string, [code: string, reason: string]> = {
    ENOSPC: ['ERR_DISK_FULL', 'no space left on device'],
    EDQUOT: ['ERR_DISK_FULL', 'disk quota exceeded'],
    EACCES: ['ERR_PERMISSION', 'permission denied'],
    EPERM: ['ERR_PERMISSION', 'operation not permitted'],
    EROFS: ['ERR_PERMISSION', 'the file system is read-only'],
    EFBIG: ['ERR_STORAGE', 'the file would be larger'],
    ENAMETOOLONG: ['ERR_STORAGE', 'the name is too long'],
    EWHATEVER: ['ERR_STORAGE', 'EWHATEVER: as the system says'],
  }
  for (const [system, [code, reason]] of Object.entries(expected)) {
    const cause = systemError(system)
    const write = async () => {
      throw cause
    }
    const home = homeWith(t, () => ({ write }))
    const error = await open(t, home, made)
      .write(0, made.content)
      .catch(error => error)
    t.ok(error instanceof StorageError)
    t.equal(error.code, code)
    t.ok(error.message.startsWith(`cannot write ${join(home.directory, 'd/f')}: ${reason}`), error.message)
    t.equal(error.cause, cause)
  }
})

t.test('a StorageError is not wrapped again', async t => {
  const error = new StorageError('ERR_ABORTED', 'stopped')
  t.equal(storageError('write', 'f', error), error)
})

t.test('errors of reading, finishing and closing are as clear as those of writing', async t => {
  const fail = async () => {
    throw systemError('EIO')
  }
  const cases: [action: string, change: (real: FileHandle) => Partial<FileHandle>][] = [
    ['read', () => ({ read: fail })],
    ['finish', () => ({ chmod: fail })],
    ['close', real => ({ close: () => real.close().then(fail) })],
  ]
  for (const [action, change] of cases) {
    const home = homeWith(t, change)
    const storage = open(t, home, made)
    const run = async () => {
      await storage.write(0, made.content)
      await readOf(storage, 0, 10)
      await storage.complete()
      await storage.close()
    }
    await t.rejects(run(), {
      name: 'StorageError',
      code: 'ERR_STORAGE',
      message: `cannot ${action} ${home.directory}`,
      cause: { code: 'EIO' },
    })
  }
})

t.test('a write that the system accepts in parts is continued', async t => {
  const home = homeWith(t, real => ({
    write: (bytes, offset, length, position) => real.write(bytes, offset, Math.min(length, 7), position),
    read: (bytes, offset, length, position) => real.read(bytes, offset, Math.min(length, 9), position),
  }))
  const storage = open(t, home, made)
  await storage.write(0, made.content)
  t.same(await bytesAt(home, 'd/f'), made.content)
  t.same(await readOf(storage, 3, 900), made.content.subarray(3, 903))
})

t.test('a write that makes no progress is an error, not a loop', async t => {
  const home = homeWith(t, () => ({ write: async () => ({ bytesWritten: 0 }) }))
  await t.rejects(open(t, home, made).write(0, made.content), {
    code: 'ERR_STORAGE',
    message: 'none of the bytes',
  })
})

t.test('a whole piece is one positional write', async t => {
  const calls: string[] = []
  const big = makeTorrent({ files: [{ path: 'f', length: 3 << 20 }], pieceLength: 1 << 20 })
  const home = homeWith(t, real => ({
    write: (bytes, offset, length, position) => {
      calls.push(`write ${length} at ${position}`)
      t.equal(bytes.buffer, big.content.buffer, 'not copied')
      return real.write(bytes, offset, length, position)
    },
    stat: (() => {
      calls.push('stat')
      return real.stat()
    }) as typeof real.stat,
  }))
  const storage = open(t, home, big)
  for (const at of [0, 1 << 20, 2 << 20]) await storage.write(at, big.content.subarray(at, at + (1 << 20)))
  t.same(calls, ['write 1048576 at 0', 'write 1048576 at 1048576', 'write 1048576 at 2097152'])
  t.same(await bytesAt(home, 'f'), big.content)
})

t.test('a full disk is a StorageError that says so', async t => {
  const directory = fs.mkdtempSync(join(tmpdir(), 'tsdl-full-'))
  t.teardown(() => fs.rmdirSync(directory))
  if (!mount(directory)) return t.plan(0, 'needs root and a mount of tmpfs')
  const big = makeTorrent({ files: [{ path: 'f', length: 1 << 20 }], pieceLength: 1 << 16 })
  const storage = new FileStorage(big.metainfo, { directory })
  try {
    await storage.write(0, big.content.subarray(0, 1 << 16))
    await t.rejects(storage.write(1 << 16, big.content.subarray(1 << 16)), {
      code: 'ERR_DISK_FULL',
      message: `cannot write ${join(directory, 'f')}: no space left on device`,
      cause: { code: 'ENOSPC' },
    })
    t.same(await readOf(storage, 0, 1 << 16), big.content.subarray(0, 1 << 16), 'what was written stays')
  } finally {
    await storage.close()
    execFileSync('umount', [directory])
  }
})

t.test('a directory without write permission is a StorageError that says so', async t => {
  if (process.platform === 'win32' || process.getuid?.() === 0) return t.plan(0, 'root may write everywhere')
  const directory = t.testdir()
  fs.chmodSync(directory, 0o555)
  t.teardown(() => fs.chmodSync(directory, 0o755))
  await t.rejects(open(t, { disk: fs.promises, directory }, made).write(0, made.content), {
    code: 'ERR_PERMISSION',
    message: `cannot write ${join(directory, 'd/f')}: permission denied`,
  })
})

t.test('a name that is too long for the disk is a StorageError that says so', async t => {
  const directory = t.testdir()
  const long = makeTorrent({ files: [{ path: 'n'.repeat(300), length: 10 }] })
  await t.rejects(open(t, { disk: fs.promises, directory }, long).write(0, long.content), {
    code: 'ERR_STORAGE',
    message: 'the name is too long',
  })
})

/** Mounts a disk of 256 KiB at a directory, if this machine allows it. */
function mount(directory: string): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', directory], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
