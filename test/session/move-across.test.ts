import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Client } from '../../src/pipeline/client.ts'
import { nodeFileSystem } from '../../src/ports/file-system.ts'
import { Session } from '../../src/session/session.ts'
import { FileStateStore } from '../../src/session/store/file-state-store.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { waitForSession } from '../helpers/session.ts'
import { OFFLINE_OPTIONS } from '../helpers/swarm.ts'

const made = makeTorrent({
  files: [
    { path: 'torrent/a', length: 3_000_000 },
    { path: 'torrent/deep/b', length: 100_000 },
  ],
  pieceLength: 65_536,
})

const deviceOf = async (path: string) => (await stat(path).catch(() => undefined))?.dev

t.test('files move to another file system while they are shared', async t => {
  const root = t.testdir({ home: { torrent: { deep: {} } } })
  const other = '/dev/shm'
  if ([undefined, await deviceOf(root)].includes(await deviceOf(other)))
    return t.comment('no other file system')
  const target = await mkdtemp(join(other, 'tsdl-test-'))
  t.teardown(() => rm(target, { recursive: true }))
  const home = join(root, 'home')
  const [a, b] = [made.content.subarray(0, 3_000_000), made.content.subarray(3_000_000)]
  await writeFile(join(home, 'torrent/a'), a)
  await writeFile(join(home, 'torrent/deep/b'), b)

  /** The status of the torrent at the start of each copy. */
  const states: string[] = []
  let session: Session | undefined
  const fs = {
    ...nodeFileSystem,
    open: async (path: string, flags: number, mode?: number) => {
      if (path.endsWith('.tsdl-part')) states.push(session!.torrents[0]!.status)
      return nodeFileSystem.open(path, flags, mode)
    },
  }
  const client = new Client({ ...OFFLINE_OPTIONS, hashThreads: 0, fs })
  t.teardown(() => client.close())
  const open = () =>
    Session.open({
      client,
      fs,
      store: new FileStateStore(join(root, 'state')),
      directory: home,
      hashThreads: 0,
    })
  session = await open()
  const torrent = await session.add(made.metainfo)
  await waitForSession(session, () => torrent.status === 'seeding')
  await session.move(torrent, target)
  t.strictSame(states, ['seeding', 'seeding'])
  t.ok(a.equals(await readFile(join(target, 'torrent/a'))))
  t.ok(b.equals(await readFile(join(target, 'torrent/deep/b'))))
  t.strictSame(await readdir(home), [], 'nothing is left')
  t.strictSame((await readdir(join(target, 'torrent'))).sort(), ['a', 'deep'])
  await waitForSession(session, () => torrent.status === 'seeding')
  t.equal(torrent.progress.verifiedBytes, made.content.length)

  // an interrupted move continues at the next start
  await mkdir(home, { recursive: true })
  const moving = torrent.move(home).catch(() => {})
  await new Promise(resolve => setImmediate(resolve))
  await session.close()
  await moving
  session = await open()
  t.teardown(() => session!.close())
  const again = session.torrents[0]!
  await waitForSession(
    session,
    () => again.status === 'seeding' && !again.isMoving && again.record.directory === home,
  )
  t.ok(a.equals(await readFile(join(home, 'torrent/a'))))
  await waitForSession(session, () => again.record.pending === null)
  t.strictSame(await readdir(target), [])
})
