import t from 'tap'
import { defaultSettings } from '../../../src/session/records/session-record.ts'
import type { TorrentRecord } from '../../../src/session/records/torrent-record.ts'
import { FileStateStore } from '../../../src/session/store/file-state-store.ts'
import { newTorrentRecord } from '../../../src/session/torrent/new-torrent.ts'
import { FaultyDisk, systemError } from '../../helpers/faulty-disk.ts'
import { generator } from '../../helpers/feed.ts'
import { type SessionDisk, STATE_DIRECTORY, sessionDisk, smallTorrent } from '../../helpers/session.ts'

const settings = defaultSettings('/home')
const totals = { downloaded: 1, uploaded: 2, added: 3, runs: 4, runningTime: 5 }
const recordOf = (id: number, labels: readonly string[] = []): TorrentRecord =>
  newTorrentRecord(smallTorrent(`t${id}`, id).metainfo, { labels }, settings, {
    id,
    order: id,
    addedAt: 1000,
  })

const open = async (disk: SessionDisk) => {
  const store = new FileStateStore(STATE_DIRECTORY, { fs: disk })
  const state = await store.open()
  return { store, state }
}

t.test('records are read as they were saved', async t => {
  const disk = sessionDisk()
  const { store, state } = await open(disk)
  t.strictSame(state, { session: undefined, torrents: [], warnings: [] })
  await store.saveSession({ nextId: 7, settings, totals })
  for (const id of [2, 1, 10]) await store.saveTorrent(recordOf(id, ['ä', 'b\n']))
  await store.saveMetainfo(recordOf(1).infoHash, Buffer.from('bytes'))
  await store.close()
  const again = await open(disk)
  t.strictSame(again.state.session, { nextId: 7, settings, totals })
  t.strictSame(
    again.state.torrents,
    [1, 2, 10].map(id => recordOf(id, ['ä', 'b\n'])),
  )
  t.equal((await again.store.loadMetainfo(recordOf(1).infoHash)).toString(), 'bytes')
  await again.store.removeTorrent(recordOf(1).infoHash)
  await again.store.close()
  t.strictSame(
    (await open(disk)).state.torrents.map(({ id }) => id),
    [2, 10],
  )
})

t.test('a second store is refused, until the first one is closed', async t => {
  const disk = sessionDisk()
  const { store } = await open(disk)
  await t.rejects(open(disk), { code: 'ERR_LOCKED', message: /\/state: another session uses/ })
  await store.close()
  await open(disk)
})

t.test('a second store is refused in a directory of this machine too', async t => {
  const directory = t.testdir()
  const first = new FileStateStore(directory)
  await first.open()
  t.teardown(() => first.close())
  await t.rejects(new FileStateStore(directory).open(), { code: 'ERR_LOCKED' })
})

t.test('a damaged record loses its own torrent, is kept aside and reported', async t => {
  for (const damage of [
    () => Buffer.alloc(0),
    (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1),
    (bytes: Buffer) => Buffer.from(bytes.toString().replace('"t1"', '"t7"')),
    () => Buffer.from('{}\nbf21a9e8fbc5a3846fb05b4fa0859e0917b2202f\n'),
    () => Buffer.alloc(5000, 255),
  ]) {
    const disk = sessionDisk()
    const { store } = await open(disk)
    for (const id of [1, 2]) await store.saveTorrent(recordOf(id))
    await store.saveMetainfo(recordOf(1).infoHash, Buffer.from('bytes'))
    await store.close()
    const path = `${STATE_DIRECTORY}/torrents/${recordOf(1).infoHash}.json`
    await disk.writeFile(path, damage((await disk.readFile(path)) as Buffer))
    const again = await open(disk)
    t.strictSame(again.state.torrents, [recordOf(2)])
    t.match(again.state.warnings, [{ code: 'ERR_RECORD', message: path }])
    await again.store.close()
    const third = await open(disk)
    t.strictSame(third.state.warnings, [])
    t.equal(
      (await third.store.loadMetainfo(recordOf(1).infoHash)).toString(),
      'bytes',
      'the .torrent is kept',
    )
    await disk.lstat(`${path}.damaged`)
  }
})

t.test('damaged settings lose no torrent', async t => {
  const disk = sessionDisk()
  const { store } = await open(disk)
  await store.saveSession({ nextId: 7, settings, totals })
  await store.saveTorrent(recordOf(1))
  await store.close()
  await disk.writeFile(`${STATE_DIRECTORY}/session.json`, 'nothing')
  const { state } = await open(disk)
  t.equal(state.session, undefined)
  t.strictSame(state.torrents, [recordOf(1)])
  t.match(state.warnings, [{ code: 'ERR_RECORD' }])
})

t.test('state of a newer version is refused, and left as it is', async t => {
  const disk = sessionDisk()
  const { store } = await open(disk)
  await store.saveTorrent(recordOf(1))
  await store.close()
  const { createHash } = await import('node:crypto')
  const path = `${STATE_DIRECTORY}/torrents/${recordOf(1).infoHash}.json`
  const line = JSON.stringify({ version: 2, id: 1 })
  const newer = `${line}\n${createHash('sha1').update(line).digest('hex')}\n`
  await disk.writeFile(path, newer)
  await t.rejects(open(disk), { code: 'ERR_RECORD', message: /newer tsdl: it is of version 2/ })
  t.equal(String(await disk.readFile(path)), newer)
  await t.rejects(open(disk), { code: 'ERR_RECORD' }, 'the lock was given back')
})

t.test('a record that cannot be read now is not taken for a damaged one', async t => {
  const disk = sessionDisk()
  const { store } = await open(disk)
  await store.saveTorrent(recordOf(1))
  await store.close()
  const faulty = new FaultyDisk(disk)
  faulty.fault = ({ name, path }) => {
    if (name === 'open' && path.endsWith('.json')) throw systemError('EIO')
    return undefined
  }
  await t.rejects(open(faulty.fs as SessionDisk), { code: 'ERR_STORAGE' })
  t.strictSame((await open(disk)).state.torrents, [recordOf(1)])
})

t.test('a full disk rejects the save, and the old record stays', async t => {
  const disk = sessionDisk()
  const faulty = new FaultyDisk(disk)
  const { store } = await open(faulty.fs as SessionDisk)
  await store.saveTorrent(recordOf(1))
  faulty.fault = ({ name }) => {
    if (name === 'write') throw systemError('ENOSPC')
    return undefined
  }
  await t.rejects(store.saveTorrent(recordOf(1, ['new'])), { code: 'ERR_DISK_FULL' })
  await store.close()
  const names = await disk.readdir(`${STATE_DIRECTORY}/torrents`)
  t.strictSame(names, [`${recordOf(1).infoHash}.json`], 'nothing is left')
  t.strictSame((await open(disk)).state.torrents, [recordOf(1)])
})

t.test('killed at any point, each record is the old one or the new one', async t => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  t.comment(`seed ${seed}`)
  const random = generator(seed)
  for (let kill = 0; kill < 100; kill++) {
    const disk = sessionDisk()
    const faulty = new FaultyDisk(disk)
    const { store } = await open(faulty.fs as SessionDisk)
    const last = faulty.calls + Math.floor(random() * 120)
    faulty.fault = ({ n, name, length }) => {
      if (n < last) return undefined
      // half of a write may reach the disk
      if (n === last && name === 'write') return Math.ceil(length / 2)
      throw systemError('EIO')
    }
    /** The records that the store may have of each torrent: the last saved one, and the one of an interrupted save. */
    const allowed = new Map<number, (string | undefined)[]>()
    for (let step = 0; ; step++) {
      const id = 1 + Math.floor(random() * 3)
      const before = allowed.get(id)?.[0]
      const record = recordOf(id, [`${step}`])
      const isRemoval = before !== undefined && random() < 0.3
      const after = isRemoval ? undefined : record.labels[0]
      allowed.set(id, [before, after])
      try {
        if (isRemoval) await store.removeTorrent(record.infoHash)
        else {
          if (before === undefined) await store.saveMetainfo(record.infoHash, Buffer.from('bytes'))
          await store.saveTorrent(record)
        }
      } catch {
        break
      }
      allowed.set(id, [after])
    }
    await store.close()
    const { state, store: again } = await open(disk)
    t.strictSame(state.warnings, [])
    for (const [id, labels] of allowed) {
      const found = state.torrents.find(record => record.id === id)
      t.ok(
        labels.includes(found?.labels[0]),
        `seed ${seed}, kill ${kill}: torrent ${id} is ${found?.labels[0]}`,
      )
      if (found) await again.loadMetainfo(found.infoHash)
    }
    await again.close()
  }
})
