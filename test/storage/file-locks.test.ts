import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type ListingFileSystem, nodeFileSystem } from '../../src/ports/file-system.ts'
import { isLit } from '../../src/storage/beacon.ts'
import { ProcessLocks } from '../../src/storage/file-locks.ts'
import { LockDirectory } from '../../src/storage/lock-directory.ts'
import { keysOf, pathKey, sharedKey } from '../../src/storage/path-keys.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { inProject, TYPESCRIPT_FLAG } from '../helpers/project.ts'
import { type Home, open } from '../helpers/storage-suite.ts'
import { memoryDisk } from '../helpers/swarm.ts'

const torrentOf = (name: string, ...paths: string[]) => {
  const made = makeTorrent({ files: paths.map(path => ({ path, length: 100 })), pieceLength: 128 })
  return { ...made, metainfo: { ...made.metainfo, name, infoHash: Buffer.alloc(20, name) } }
}
const holder = (name: string) => ({ name, infoHash: Buffer.alloc(20, name) })
/** Creates a lock directory that does not wait between its attempts. */
const locksIn = (directory: string) => new LockDirectory(directory, { pause: async () => {} })
const homes: [string, (t: Test) => Home][] = [
  ['memfs', () => ({ disk: memoryDisk(), directory: '/home' })],
  ['a real directory', t => ({ disk: fs.promises as unknown as Home['disk'], directory: t.testdir() })],
]

for (const [name, homeOf] of homes) {
  t.test(`${name}: a file is written by one torrent at a time, until that torrent is closed`, async t => {
    const home = homeOf(t)
    const one = torrentOf('one', 'd/a', 'd/b')
    const first = open(t, home, one)
    await first.write(0, one.content)
    const two = torrentOf('two', 'd/b', 'd/c')
    const second = open(t, home, two)
    const refused = {
      name: 'StorageError',
      code: 'ERR_LOCKED',
      message: `cannot write ${join(home.directory, 'd/b')}: "one", in this process, writes it`,
    }
    await t.rejects(second.write(0, two.content), refused)
    await t.rejects(second.lock(), refused)
    await t.rejects(second.complete(), refused)
    t.equal(await second.read(0, Buffer.alloc(10)), 10, 'it may be read')
    await second.close()
    await first.close()
    const third = open(t, home, two)
    await third.write(0, two.content)
    await third.close()
  })

  t.test(`${name}: torrents that share a directory and no file do not block each other`, async t => {
    const home = homeOf(t)
    const one = torrentOf('one', 'd/a', 'd/shared')
    const two = torrentOf('two', 'd/b', 'd/shared')
    const selected = (index: number) => index === 0
    await Promise.all([one, two].map(made => open(t, home, made, { selected }).write(0, made.content)))
    t.same(await home.disk.readdir(join(home.directory, 'd')), ['a', 'b'])
  })

  t.test(`${name}: files of another selection are locked before it holds, or none of them`, async t => {
    const home = homeOf(t)
    const one = torrentOf('one', 'd/a', 'd/b', 'd/c')
    const first = open(t, home, one, { selected: index => index === 0 })
    const second = open(t, home, torrentOf('two', 'd/b'))
    await first.lock()
    await second.lock()
    await t.rejects(
      first.lockSelection(() => true),
      { code: 'ERR_LOCKED', message: /"two"/ },
    )
    const third = open(t, home, torrentOf('three', 'd/c'))
    t.equal(await third.lock(), undefined, 'none of them was locked')
    await third.close()
    await second.close()
    t.equal(await first.lockSelection(() => true), undefined)
    await t.rejects(open(t, home, torrentOf('two', 'd/b')).lock(), { code: 'ERR_LOCKED' })
    await first.close()
    t.equal(await open(t, home, torrentOf('two', 'd/b')).lock(), undefined, 'all of them were given back')
  })

  t.test(`${name}: a file has one lock, whatever path leads to it`, async t => {
    const home = homeOf(t)
    await home.disk.mkdir(join(home.directory, 'real'), { recursive: true })
    await home.disk.symlink('real', join(home.directory, 'link'))
    const one = open(t, { ...home, directory: join(home.directory, 'link') }, torrentOf('one', 'new/a'))
    t.equal(await one.lock(), undefined)
    const two = open(t, { ...home, directory: join(home.directory, 'real', 'new') }, torrentOf('two', 'a'))
    await t.rejects(two.lock(), { code: 'ERR_LOCKED' })
  })
}

t.test('torrents on different file systems do not block each other', async t => {
  for (const name of ['one', 'two'])
    await open(t, { disk: memoryDisk(), directory: '/home' }, torrentOf(name, 'a')).lock()
})

t.test('one torrent may be written twice in one process', async t => {
  const home = { disk: memoryDisk(), directory: '/home' }
  const made = torrentOf('one', 'a')
  await Promise.all([1, 2].map(() => open(t, home, made).write(0, made.content)))
})

t.test('a path that its torrent locks twice is free after both locks are released, each once', async t => {
  const locks = ProcessLocks.of(memoryDisk())
  const one = await locks.take(['/a', '/b'], holder('one'))
  const again = await locks.take(['/b', '/c'], holder('one'))
  await one.release()
  await one.release()
  await (await locks.take(['/a'], holder('two'))).release()
  for (const path of ['/b', '/c']) await t.rejects(locks.take([path], holder('two')), { code: 'ERR_LOCKED' })
  await again.release()
  await locks.take(['/a', '/b', '/c'], holder('two'))
})

t.test('the keys of paths show whether two sets share one', async t => {
  const paths = Array.from({ length: 1000 }, (_, index) => `/out/${index}`)
  const keys = await keysOf(paths)
  t.same(
    [...keys],
    [...keys].sort((a, b) => a - b),
  )
  for (const key of keys) t.ok(Number.isSafeInteger(key) && key >= 0) || t.bailout()
  t.equal(sharedKey(keys, await keysOf(['/out/1000', '/out/77', '/in/3'])), pathKey('/out/77'))
  t.equal(sharedKey(keys, await keysOf(paths.map(path => `${path}x`))), undefined)
  t.equal(sharedKey(keys, await keysOf([])), undefined)
})

t.test('a path that is locked in a directory is locked for all users of that directory', async t => {
  const directory = join(t.testdir(), 'state', 'locks')
  const [one, two] = [locksIn(directory), locksIn(directory)]
  const lock = await one.take(['/a', '/b'], holder('one'))
  t.equal(lock.unseen, undefined)
  await t.rejects(two.take(['/c', '/b'], holder('two')), {
    code: 'ERR_LOCKED',
    message: `cannot write /b: "one", in process ${process.pid}, writes it`,
  })
  const other = await two.take(['/c'], holder('two'))
  await lock.release()
  await lock.release()
  const again = await two.take(['/b'], holder('two'))
  await Promise.all([other.release(), again.release()])
  t.same(fs.readdirSync(directory), [], 'nothing is left')
  t.equal(fs.statSync(directory).mode & 0o777, 0o700)
})

t.test('many torrents that lock at once share the readings of the directory', async t => {
  const directory = t.testdir()
  let readings = 0
  const readdir: ListingFileSystem['readdir'] = path => {
    readings++
    return nodeFileSystem.readdir(path)
  }
  const many = new LockDirectory(directory, { fs: { ...nodeFileSystem, readdir } })
  const other = await locksIn(directory).take(['/7'], holder('other'))
  const paths = Array.from({ length: 40 }, (_, index) => `/${index}`)
  const outcomes = await Promise.allSettled(paths.map(path => many.take([path], holder(path))))
  const refused = paths.filter((_, index) => outcomes[index]?.status === 'rejected')
  t.same(refused, ['/7'])
  t.ok(readings < paths.length, `${readings} readings`)
  await other.release()
})

t.test('of several simultaneous locks exactly one gets the path', async t => {
  const directory = t.testdir()
  for (let round = 0; round < 10; round++) {
    const all = [1, 2, 3, 4].map(() => new LockDirectory(directory))
    const outcomes = await Promise.allSettled(all.map(locks => locks.take(['/a'], holder('x'))))
    const got = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    t.equal(got.length, 1)
    await Promise.all(got.map(lock => lock.release()))
    t.same(fs.readdirSync(directory), [])
  }
})

t.test('a killed process holds no lock, a stopped process still does', async t => {
  const directory = t.testdir()
  const source = inProject('src/storage/lock-directory.ts')
  const child = spawn(
    process.execPath,
    [
      ...[TYPESCRIPT_FLAG, '--input-type=module', '-e'],
      `import { LockDirectory } from ${JSON.stringify(source)}
      await new LockDirectory(${JSON.stringify(directory)}).take(['/a'], { name: 'child', infoHash: Buffer.alloc(20) })
      console.log('locked')
      setInterval(() => {}, 1000)`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  t.teardown(() => child.kill('SIGKILL'))
  await new Promise(resolve => child.stdout.once('data', resolve))
  const locks = locksIn(directory)
  const refused = { code: 'ERR_LOCKED', message: `"child", in process ${child.pid}` }
  await t.rejects(locks.take(['/a'], holder('two')), refused)
  child.kill('SIGSTOP')
  await t.rejects(locks.take(['/a'], holder('two')), refused)
  const ended = new Promise(resolve => child.once('close', resolve))
  child.kill('SIGKILL')
  await ended
  const lock = await locks.take(['/a'], holder('two'))
  t.equal(fs.readdirSync(directory).filter(name => name.endsWith('.lock')).length, 1)
  await lock.release()
  t.same(fs.readdirSync(directory), [], 'what it left is removed')
})

t.test('if the lock directory cannot be used, a warning says that others do not see the lock', async t => {
  const file = join(t.testdir({ file: 'in the way' }), 'file')
  const { unseen } = await locksIn(join(file, 'locks')).take(['/a'], holder('one'))
  t.match(unseen, { name: 'StorageError', code: 'ERR_RECORD', message: /other processes may write the same/ })
})

t.test('files that are not locks are left alone', async t => {
  const directory = t.testdir({ 'a.lock': 'junk', 'b.lock': 'd7:versioni9ee', other: 'x' })
  const lock = await locksIn(directory).take(['/a'], holder('one'))
  await lock.release()
  t.same(fs.readdirSync(directory), ['a.lock', 'b.lock', 'other'])
})

t.test('a lock directory with a path too long for a socket works', async t => {
  const directory = join(t.testdir(), 'x'.repeat(120))
  const [one, two] = [locksIn(directory), locksIn(directory)]
  const lock = await one.take(['/a'], holder('one'))
  await t.rejects(two.take(['/a'], holder('two')), { code: 'ERR_LOCKED' })
  await lock.release()
  await (await two.take(['/a'], holder('two'))).release()
})

t.test('a missing beacon counts as free', async t => {
  // Not in a fixture: its path may be too long for a socket, which is a different error.
  t.equal(await isLit(join(tmpdir(), 'tsdl-missing.socket')), false)
})
