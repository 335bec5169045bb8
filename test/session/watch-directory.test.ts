import t from 'tap'
import { torrentOf } from '../../src/metainfo/torrent.ts'
import { magnetLinkOf } from '../../src/session/torrent/magnet-link.ts'
import { WatchDirectory } from '../../src/session/watch-directory.ts'
import { FaultyDisk, systemError } from '../helpers/faulty-disk.ts'
import { openSession, type SessionDisk, sessionDisk, smallTorrent } from '../helpers/session.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'

async function watch(t: Parameters<typeof openSession>[0], disk: SessionDisk = sessionDisk()) {
  await disk.mkdir('/watch', { recursive: true })
  const { session } = await openSession(t, disk)
  const clock = new VirtualClock()
  const directory = new WatchDirectory(session, '/watch', {
    fs: disk,
    clock,
    torrentOptions: { start: false },
  })
  const warnings: string[] = []
  directory.on('warning', ({ message }) => warnings.push(message))
  t.teardown(() => directory.close())
  /** Scans the directory a number of times. */
  const look = async (times: number) => {
    for (let n = 0; n < times; n++) {
      await clock.advance(2000)
      await directory.look()
      // the scan of the timer has ended too, and has set the next timer
      await clock.advance(0)
    }
  }
  return { session, disk, directory, warnings, look, names: () => disk.readdir('/watch') }
}

t.test('a torrent and a link are added when they have not changed for one look', async t => {
  const { session, disk, look, names, warnings } = await watch(t)
  await disk.writeFile('/watch/a.torrent', torrentOf(smallTorrent('a').metainfo))
  await disk.writeFile('/watch/b.MAGNET', `${magnetLinkOf(smallTorrent('b', 2).metainfo)}\n`)
  await disk.writeFile('/watch/c.txt', 'x')
  await disk.mkdir('/watch/d.torrent', { recursive: true })
  await look(2)
  t.strictSame(session.torrents.map(({ name }) => name).sort(), ['a', 'b'])
  t.strictSame((await names()).sort(), ['a.torrent.added', 'b.MAGNET.added', 'c.txt', 'd.torrent'])
  t.strictSame(warnings, [])
})

t.test('a half-written file is waited for', async t => {
  const { session, disk, look, names, warnings } = await watch(t)
  const bytes = torrentOf(smallTorrent('a').metainfo)
  for (let end = 50; end < bytes.length; end += 50) {
    await disk.writeFile('/watch/a.torrent', bytes.subarray(0, end))
    await look(2)
  }
  t.strictSame(session.torrents, [])
  t.strictSame(warnings, [])
  await disk.writeFile('/watch/a.torrent', bytes)
  await look(2)
  t.equal(session.torrents.length, 1)
  t.strictSame(await names(), ['a.torrent.added'])
})

t.test('a file that is no torrent is reported once, and read again when it changes', async t => {
  const { session, disk, look, warnings } = await watch(t)
  await disk.writeFile('/watch/a.torrent', 'nothing')
  await disk.writeFile('/watch/b.magnet', 'magnet:?xt=1 magnet:?xt=2')
  await disk.writeFile('/watch/c.torrent', '')
  await look(20)
  t.equal(warnings.length, 3, warnings.join())
  await disk.writeFile('/watch/a.torrent', torrentOf(smallTorrent('a').metainfo))
  await look(2)
  t.equal(session.torrents.length, 1)
})

t.test('a torrent that the session has already counts as added', async t => {
  const { session, disk, look, names, warnings } = await watch(t)
  const { metainfo } = smallTorrent('a')
  await session.add(metainfo, { start: false })
  await disk.writeFile('/watch/a.torrent', torrentOf(metainfo))
  await look(2)
  t.strictSame(await names(), ['a.torrent.added'])
  t.strictSame(warnings, [])
})

t.test('a directory that is missing is reported once, and found when it is made', async t => {
  const { session, disk, look, warnings } = await watch(t)
  await disk.rmdir('/watch')
  await look(5)
  t.strictSame(warnings, ['cannot watch /watch: no such directory; files are added once it exists'])
  await disk.mkdir('/watch', { recursive: true })
  await disk.writeFile('/watch/a.torrent', torrentOf(smallTorrent('a').metainfo))
  await look(2)
  t.equal(session.torrents.length, 1)
})

t.test('a torrent that cannot be saved is tried again', async t => {
  const disk = sessionDisk()
  const faulty = new FaultyDisk(disk)
  const fs = Object.assign(faulty.fs, { readdir: disk.readdir.bind(disk), rmdir: disk.rmdir.bind(disk) })
  const { session, look, warnings } = await watch(t, fs as unknown as SessionDisk)
  await disk.writeFile('/watch/a.torrent', torrentOf(smallTorrent('a').metainfo))
  faulty.fault = ({ name }) => {
    if (name === 'write') throw systemError('ENOSPC')
    return undefined
  }
  await look(4)
  t.strictSame(session.torrents, [])
  t.ok(warnings.length > 0 && warnings.every(message => /no space left/.test(message)), warnings.join())
  faulty.fault = () => undefined
  await look(3)
  t.equal(session.torrents.length, 1)
})
