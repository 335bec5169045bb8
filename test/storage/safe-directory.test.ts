import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { nodeFileSystem } from '../../src/ports/file-system.ts'
import { SafeDirectory } from '../../src/storage/safe-directory.ts'
import { sharedDirectory } from '../../src/storage/shared-directory.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { fill, type Home, open, readOf } from '../helpers/storage-suite.ts'

if (process.platform === 'win32') {
  t.plan(0, 'making symlinks needs a privilege on Windows')
  process.exit(0)
}

/**
 * Creates a home beside a directory `outside` with the file `secret`, and checks at the end that nothing was written
 * there.
 */
function homeBesideOutside(t: Test): { home: Home; outside: string; untouched(): void } {
  const base = t.testdir({ home: {}, outside: { secret: 'secret' } })
  const outside = join(base, 'outside')
  return {
    home: { disk: fs.promises, directory: join(base, 'home') },
    outside,
    untouched: () => {
      t.same(fs.readdirSync(outside), ['secret'])
      t.equal(fs.readFileSync(join(outside, 'secret'), 'utf8'), 'secret')
    },
  }
}

const one = (path: string) => makeTorrent({ files: [{ path, length: 100 }], pieceLength: 64 })

t.test('a directory that is a symlink to the outside is rejected, for writing and reading', async t => {
  const { home, outside, untouched } = homeBesideOutside(t)
  fs.symlinkSync(outside, join(home.directory, 'd'))
  for (const path of ['d/new', 'd/secret', 'd/deep/er/new']) {
    const storage = open(t, home, one(path))
    const refused = { name: 'StorageError', code: 'ERR_STORAGE', message: 'leads out of' }
    await t.rejects(storage.write(0, Buffer.alloc(100)), refused, path)
    await t.rejects(storage.read(0, Buffer.alloc(100)), refused, path)
  }
  untouched()
})

t.test('a relative symlink, and a chain of them, are rejected as well', async t => {
  const { home, untouched } = homeBesideOutside(t)
  fs.symlinkSync('../outside', join(home.directory, 'far'))
  fs.symlinkSync('far', join(home.directory, 'near'))
  await t.rejects(open(t, home, one('near/new')).write(0, Buffer.alloc(100)), { message: 'leads out of' })
  untouched()
})

t.test('the parent directory counts as outside', async t => {
  const { home } = homeBesideOutside(t)
  const above = join(home.directory, '..')
  fs.symlinkSync('..', join(home.directory, 'd'))
  await t.rejects(open(t, home, one('d/new')).write(0, Buffer.alloc(100)), { message: 'leads out of' })
  t.same(fs.readdirSync(above), ['home', 'outside'])
})

t.test('a sibling directory with the same name prefix counts as outside', async t => {
  const { home } = homeBesideOutside(t)
  fs.mkdirSync(`${home.directory}-too`)
  fs.symlinkSync(`${home.directory}-too`, join(home.directory, 'd'))
  await t.rejects(open(t, home, one('d/new')).write(0, Buffer.alloc(100)), { message: 'leads out of' })
  t.same(fs.readdirSync(`${home.directory}-too`), [])
})

t.test('a file that is a symlink is rejected, whatever its target', async t => {
  const { home, outside, untouched } = homeBesideOutside(t)
  fs.writeFileSync(join(home.directory, 'inside'), 'inside')
  for (const target of [join(outside, 'secret'), join(outside, 'new'), 'inside']) {
    fs.rmSync(join(home.directory, 'f'), { force: true })
    fs.symlinkSync(target, join(home.directory, 'f'))
    const storage = open(t, home, one('f'))
    await t.rejects(storage.write(0, Buffer.alloc(100)), { message: 'it is a symbolic link' }, target)
    await t.rejects(storage.read(0, Buffer.alloc(100)), { message: 'it is a symbolic link' }, target)
    await t.rejects(storage.complete(), { message: 'it is a symbolic link' }, target)
  }
  untouched()
  t.equal(fs.readFileSync(join(home.directory, 'inside'), 'utf8'), 'inside')
})

t.test('a symlink that is created between the check and the use is not followed', async t => {
  const { home, outside, untouched } = homeBesideOutside(t)
  fs.writeFileSync(join(home.directory, 'plain'), '')
  // The state before the swap: a file.
  const lstat = (path: string) =>
    nodeFileSystem.lstat(basename(path) === 'f' ? join(home.directory, 'plain') : path)
  fs.symlinkSync(join(outside, 'secret'), join(home.directory, 'f'))
  const disk = { ...fs.promises, lstat } as unknown as Home['disk']
  const made = one('f')
  const storage = open(t, { ...home, disk }, made)
  await t.rejects(storage.read(0, Buffer.alloc(100)), { cause: { code: 'ELOOP' } })
  await t.rejects(storage.write(0, made.content), { cause: { code: 'ELOOP' } })
  untouched()
})

/** Wraps the real disk: its calls are counted, and `action` is called before call `at`. */
function actBefore(at: number, action: () => void): { disk: Home['disk']; calls: () => number } {
  let calls = 0
  const counted = Object.fromEntries(
    (['open', 'lstat', 'realpath', 'mkdir', 'symlink', 'readlink'] as const).map(name => [
      name,
      async (...args: unknown[]) => {
        if (calls++ === at) action()
        return (fs.promises[name] as (...args: unknown[]) => Promise<unknown>)(...args)
      },
    ]),
  )
  return { disk: { ...fs.promises, ...counted } as unknown as Home['disk'], calls: () => calls }
}

t.test(
  'a directory that is replaced by a symlink to the outside at any moment leads to nothing outside',
  { skip: process.platform !== 'linux' && 'needs /proc' },
  async t => {
    const made = makeTorrent({
      files: [
        { path: 'd/e/f', length: 100, executable: true },
        { path: 'd/e/empty', length: 0 },
        { path: 'd/e/link', symlink: 'd/e/f', contents: '' },
        { path: 'd/e/secret', length: 100 },
      ],
      pieceLength: 256,
    })
    for (const swapped of ['d', 'd/e']) {
      let maximum = 1
      for (let at = 0; at <= maximum; at++) {
        const { home, outside, untouched } = homeBesideOutside(t)
        fs.mkdirSync(join(outside, 'e'))
        fs.mkdirSync(join(home.directory, 'd/e'), { recursive: true })
        const path = join(home.directory, swapped)
        const { disk, calls } = actBefore(at, () => {
          if (fs.existsSync(path)) fs.renameSync(path, join(home.directory, 'aside'))
          fs.symlinkSync(outside, path)
        })
        const storage = open(t, { ...home, disk }, made)
        const error = await storage
          .write(0, made.content)
          .then(() => storage.complete())
          .then(
            () => undefined,
            error => error,
          )
        if (error) t.match(error, { name: 'StorageError' }, `call ${at}`)
        await storage.close().catch(() => {})
        t.same(fs.readdirSync(join(outside, 'e')), [], `${swapped}, call ${at}`)
        fs.rmdirSync(join(outside, 'e'))
        untouched()
        t.equal(fs.statSync(join(outside, 'secret')).mode & 0o111, 0, 'no mode was changed')
        maximum = Math.max(maximum, Math.min(calls(), 200))
      }
      t.ok(maximum > 20)
    }
  },
)

t.test('a dangling symlink is named, and its target is not created', async t => {
  const { home, outside, untouched } = homeBesideOutside(t)
  fs.symlinkSync(join(outside, 'nothing'), join(home.directory, 'd'))
  await t.rejects(open(t, home, one('d/new')).write(0, Buffer.alloc(100)), { message: 'leads nowhere' })
  untouched()
})

t.test('a directory that is a symlink to the inside is accepted', async t => {
  const { home } = homeBesideOutside(t)
  fs.mkdirSync(join(home.directory, 'real'))
  fs.symlinkSync('real', join(home.directory, 'd'))
  const made = one('d/e/f')
  await fill(open(t, home, made), made)
  t.same(fs.readFileSync(join(home.directory, 'real/e/f')), made.content)
})

t.test('the output directory may be a symlink, or be missing with its parents', async t => {
  const { home, outside } = homeBesideOutside(t)
  const link = join(home.directory, 'link')
  fs.symlinkSync(outside, link)
  const made = one('d/f')
  for (const directory of [link, join(home.directory, 'x/y/z')]) {
    await fill(open(t, { ...home, directory }, made), made)
    t.same(fs.readFileSync(join(directory, 'd/f')), made.content)
  }
})

t.test('a FIFO in the place of a file is rejected at once', async t => {
  const { home } = homeBesideOutside(t)
  execFileSync('mkfifo', [join(home.directory, 'f')])
  const storage = open(t, home, one('f'))
  await t.rejects(storage.read(0, Buffer.alloc(100)), { message: 'it is not a regular file' })
  await t.rejects(storage.write(0, Buffer.alloc(100)), { message: 'it is not a regular file' })
})

t.test('a path that is not a file is not opened, as opening a device may have effects', async t => {
  const { home } = homeBesideOutside(t)
  execFileSync('mkfifo', [join(home.directory, 'f')])
  const open_ = async (path: string, flags: number) =>
    basename(path) === 'f' && !(flags & fs.constants.O_EXCL)
      ? t.fail('opened')
      : nodeFileSystem.open(path, flags)
  const storage = open(
    t,
    { ...home, disk: { ...fs.promises, open: open_ } as unknown as unknown as Home['disk'] },
    one('f'),
  )
  await t.rejects(storage.read(0, Buffer.alloc(100)), { message: 'it is not a regular file' })
})

t.test('a FIFO that is created between the check and the use does not block', async t => {
  const { home } = homeBesideOutside(t)
  execFileSync('mkfifo', [join(home.directory, 'f')])
  fs.writeFileSync(join(home.directory, 'plain'), '')
  const lstat = (path: string) =>
    nodeFileSystem.lstat(basename(path) === 'f' ? join(home.directory, 'plain') : path)
  const storage = open(t, { ...home, disk: { ...fs.promises, lstat } as unknown as Home['disk'] }, one('f'))
  await t.rejects(storage.read(0, Buffer.alloc(100)), { message: 'it is not a regular file' })
  await t.rejects(storage.write(0, Buffer.alloc(100)), { message: 'it is not a regular file' })
})

t.test('a path that leads outside is rejected here too, after the parser', async t => {
  const { home, untouched } = homeBesideOutside(t)
  const directory = new SafeDirectory(home.directory, nodeFileSystem)
  t.teardown(() => directory.forget())
  for (const path of ['../outside/new', 'a/../../outside/new', '/etc/new', 'a//b', './a', 'a/.', '', 'a\0b'])
    await t.rejects(directory.open(path, 'write'), { message: 'not one inside' }, JSON.stringify(path))
  t.same(fs.readdirSync(home.directory), [])
  untouched()
})

t.test('a symlink of a torrent never points outside', async t => {
  const { home, outside, untouched } = homeBesideOutside(t)
  const directory = new SafeDirectory(home.directory, nodeFileSystem)
  t.teardown(() => directory.forget())
  for (const target of ['../outside/secret', '/etc/passwd', 'a/../../x'])
    await t.rejects(directory.link('s', target), { message: 'not one inside' }, target)

  fs.symlinkSync(outside, join(home.directory, 'd'))
  await t.rejects(directory.link('s', 'd/secret'), { message: 'leads out of' }, 'through a symlink')
  await t.rejects(directory.link('s', 'd'), { message: 'leads out of' }, 'to a symlink')
  await t.rejects(directory.link('d/s', 'f'), { message: 'leads out of' }, 'from behind a symlink')
  t.same(fs.readdirSync(home.directory), ['d'])

  // Three levels up from `x/y/up` would be outside of the real directory behind `up`.
  fs.mkdirSync(join(home.directory, 'x/y'), { recursive: true })
  fs.symlinkSync('../..', join(home.directory, 'x/y/up'))
  await directory.link('x/y/up/s', 'f')
  t.equal(fs.readlinkSync(join(home.directory, 's')), 'f')
  untouched()
})

t.test('a symlink of a torrent replaces no existing file', async t => {
  const { home } = homeBesideOutside(t)
  fs.writeFileSync(join(home.directory, 's'), 'mine')
  const made = makeTorrent({
    files: [
      { path: 'f', length: 1 },
      { path: 's', symlink: 'f' },
    ],
  })
  await t.rejects(fill(open(t, home, made), made), {
    code: 'ERR_STORAGE',
    message: `cannot link ${join(home.directory, 's')}: something else is there already`,
  })
  t.equal(fs.readFileSync(join(home.directory, 's'), 'utf8'), 'mine')
})

t.test('a read-only tree can be read', async t => {
  const { home } = homeBesideOutside(t)
  const made = one('f')
  fs.writeFileSync(join(home.directory, 'f'), made.content)
  const flags: number[] = []
  const open_ = (path: string, flag: number, mode?: number) => {
    flags.push(flag & (fs.constants.O_RDWR | fs.constants.O_WRONLY | fs.constants.O_CREAT))
    return nodeFileSystem.open(path, flag, mode)
  }
  const storage = open(
    t,
    { ...home, disk: { ...fs.promises, open: open_ } as unknown as unknown as Home['disk'] },
    made,
  )
  t.same(await readOf(storage, 0, 100), made.content)
  await storage.complete()
  t.ok(flags.length > 0)
  t.same(new Set(flags), new Set([fs.constants.O_RDONLY]))
})

t.test('storages share a directory, and a later one finds what is at its path then', async t => {
  const { directory } = homeBesideOutside(t).home
  const first = sharedDirectory(directory, nodeFileSystem)
  await (await first.open('a/file', 'write'))?.close()
  t.ok(await first.stat('a/file'))
  fs.renameSync(directory, `${directory}-before`)
  fs.mkdirSync(directory)
  const second = sharedDirectory(directory, nodeFileSystem)
  t.equal(second, first)
  t.equal(await second.stat('a/file'), undefined)
  await second.forget()
})
