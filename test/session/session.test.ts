import { once } from 'node:events'
import t from 'tap'
import { torrentOf } from '../../src/metainfo/torrent.ts'
import { defaultSettings, readSessionRecord } from '../../src/session/records/session-record.ts'
import type { TorrentRecord } from '../../src/session/records/torrent-record.ts'
import { FileStateStore } from '../../src/session/store/file-state-store.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import {
  openSession,
  STATE_DIRECTORY,
  sessionDisk,
  shareAll,
  smallTorrent,
  waitForSession,
} from '../helpers/session.ts'
import { hybridFiles, hybridFilesTorrent } from '../helpers/v2-torrent.ts'
import { waitUntil } from '../helpers/virtual-clock.ts'

t.test('a torrent is remembered, with its options, across a restart', async t => {
  const disk = sessionDisk()
  const made = smallTorrent('a')
  const first = await openSession(t, disk)
  const added = await first.session.add(made.metainfo, { start: false, labels: ['x'], directory: '/data' })
  t.equal(added.status, 'stopped')
  await added.set({ up: { enabled: true, value: 5000 }, category: 'films' })
  await first.close()

  const { session } = await openSession(t, disk)
  const [torrent] = session.torrents
  t.equal(torrent!.infoHash, made.metainfo.infoHash.toString('hex'))
  t.equal(session.get(torrent!.infoHash.toUpperCase()), torrent)
  t.equal(session.get(torrent!.id), torrent)
  t.match(torrent!.record, {
    labels: ['x'],
    category: 'films',
    up: { enabled: true, value: 5000 },
    directory: '/data',
  })
  t.equal(torrent!.status, 'stopped')
  t.equal((await torrent!.loadMetainfo()).name, 'a')
})

t.test(
  'a torrent downloads from one peer, is completed once, and goes on seeding after a restart',
  async t => {
    const disk = sessionDisk()
    const made = smallTorrent('a')
    const { port } = await shareAll(t, [made])
    const first = await openSession(t, disk)
    const completed: string[] = []
    first.session.on('completed', torrent => completed.push(torrent.name))
    const torrent = await first.session.add(made.metainfo, { peers: [`127.0.0.1:${port}`] })
    await waitForSession(first.session, () => torrent.status === 'seeding')
    t.strictSame(completed, ['a'])
    t.strictSame(await disk.readFile('/home/a'), made.content)
    t.match(torrent.progress, {
      size: 100_000,
      verifiedBytes: 100_000,
      haveBytes: 100_000,
      downloaded: 100_000,
    })
    await first.close()

    const { session } = await openSession(t, disk)
    session.on('completed', torrent => completed.push(torrent.name))
    const again = session.torrents[0]!
    await waitForSession(session, () => again.status === 'seeding')
    t.match(again.progress, { verifiedBytes: 100_000, downloaded: 100_000 })
    t.ok(again.record.doneAt > 0)
    t.strictSame(completed, ['a'])
  },
)

t.test('the metadata of a magnet link is kept', async t => {
  const disk = sessionDisk()
  const made = smallTorrent('a')
  const { port } = await shareAll(t, [made])
  const first = await openSession(t, disk)
  const link = `magnet:?xt=urn:btih:${made.metainfo.infoHash.toString('hex')}&x.pe=127.0.0.1:${port}`
  const torrent = await first.session.add(link)
  t.equal(torrent.status === 'seeding', false)
  t.equal(torrent.isComplete, false)
  await waitForSession(first.session, () => torrent.status === 'seeding')
  t.equal(torrent.name, 'a')
  await first.close()
  const { session } = await openSession(t, disk)
  t.equal((await session.torrents[0]!.loadMetainfo()).length, 100_000)
})

t.test('a torrent that is added twice is rejected, and the first one is named', async t => {
  const { session } = await openSession(t)
  const made = smallTorrent('a')
  const [first, second] = await Promise.allSettled([
    session.add(made.metainfo, { start: false }),
    session.add(torrentOf(made.metainfo), { start: false }),
  ])
  t.equal(first.status, 'fulfilled')
  t.match(second, { reason: { code: 'ERR_BUSY', torrent: session.torrents[0] } })
  t.equal(session.torrents.length, 1)
})

const hybrid = hybridFilesTorrent('hybrid')
const { infoHash: v1, infoHashV2: v2 } = hybrid.metainfo
const v1Link = `magnet:?xt=urn:btih:${v1.toString('hex')}`
const v2Link = `magnet:?xt=urn:btmh:1220${v2!.toString('hex')}`

for (const [name, first, second] of [
  ['v1 and v2', v1Link, v2Link],
  ['v2 and v1', v2Link, v1Link],
] as const) {
  t.test(`two links that turn out to be one torrent are merged: ${name}`, async t => {
    const { port } = await shareAll(t, [hybrid])
    const disk = sessionDisk()
    const { close, session } = await openSession(t, disk)
    const tracker = 'http://127.0.0.1:9/announce'
    const warnings: string[] = []
    const failed: string[] = []
    session.on('failed', ({ name }) => failed.push(name))
    session.on('warning', ({ code, message }) => {
      if (code === 'ERR_BUSY') warnings.push(message)
    })
    const one = await session.add(first)
    const other = await session.add(`${second}&tr=${encodeURIComponent(tracker)}&x.pe=127.0.0.1:${port}`)
    await waitForSession(session, () => session.get(other.id) === undefined)
    await waitForSession(session, () => one.status === 'seeding')
    t.same(session.torrents, [one])
    t.match(warnings, [/^d: the session has this torrent already, as number 1$|^[\da-f]{40}: /])
    t.equal(warnings.length, 1)
    t.same(failed, [])
    t.strictSame(await disk.readFile('/home/d/c'), hybridFiles.c)
    const { facts, peers, trackers } = one.record
    t.same(trackers ?? facts!.trackers, [[tracker]])
    t.same(peers, [`127.0.0.1:${port}`])
    await close()
    const again = await openSession(t, disk)
    t.equal(again.session.torrents.length, 1, 'and are one after a restart')
  })
}

t.test('a link to a torrent that is stopped ends when its metadata is known', async t => {
  const { port } = await shareAll(t, [hybrid])
  const { session } = await openSession(t)
  const one = await session.add(hybrid.metainfo, { start: false })
  const other = await session.add(`${v2Link}&x.pe=127.0.0.1:${port}`)
  await waitForSession(session, () => session.get(other.id) === undefined)
  t.same(session.torrents, [one])
  t.equal(one.status, 'stopped')
  t.same(one.record.peers, [`127.0.0.1:${port}`])
})

t.test(
  'a link to a running torrent is rejected under either info-hash, and its trackers are kept',
  async t => {
    const { session } = await openSession(t)
    const one = await session.add(hybrid.metainfo)
    await waitForSession(session, () => one.status === 'downloading')
    for (const [at, link] of [v1Link, v2Link].entries()) {
      const tracker = `http://127.0.0.1:9/${at}`
      await t.rejects(session.add(`${link}&tr=${tracker}`), { code: 'ERR_BUSY', torrent: one })
      t.match(one.record.trackers?.at(-1), [tracker])
    }
  },
)

t.test('a private torrent takes no trackers and peers of another source (BEP 27)', async t => {
  const { session } = await openSession(t)
  const { metainfo } = makeTorrent({ files: [{ path: 'a', length: 1 }], pieceLength: 16_384, private: true })
  const one = await session.add(metainfo, { start: false })
  const link = `magnet:?xt=urn:btih:${one.infoHash}&tr=http://127.0.0.1:9/&x.pe=127.0.0.1:9`
  await t.rejects(session.add(link), { code: 'ERR_BUSY' })
  t.match(one.record, { trackers: null, peers: [] })
})

t.test('a stopped torrent does not run, and a started one does', async t => {
  const { session, client } = await openSession(t)
  const torrent = await session.add(smallTorrent('a').metainfo)
  await waitForSession(session, () => torrent.status === 'downloading')
  await torrent.stop()
  await waitForSession(session, () => !torrent.isRunning)
  t.strictSame(client.torrents, [])
  await torrent.start()
  await waitForSession(session, () => torrent.status === 'downloading')
  t.equal(client.torrents.length, 1)
})

t.test('the queue starts as many as there are places, and forced ones besides', async t => {
  const { session } = await openSession(t)
  await session.set({ downloadQueue: { enabled: true, value: 1 } })
  const torrents = []
  for (const name of ['a', 'b', 'c', 'd'])
    torrents.push(await session.add(smallTorrent(name, name.charCodeAt(0)).metainfo))
  const [a, , c, d] = torrents
  await waitForSession(session, () => a!.status === 'downloading')
  t.strictSame(
    torrents.map(({ status }) => status),
    ['downloading', 'queued', 'queued', 'queued'],
  )
  await c!.start({ force: true })
  await waitForSession(session, () => c!.isRunning)
  await session.queue.move([d!], 'top')
  t.strictSame(
    session.queue.list().map(({ name }) => name),
    ['d', 'a', 'b', 'c'],
  )
  await a!.stop()
  await waitForSession(session, () => d!.isRunning)
  t.strictSame(
    torrents.map(({ isRunning }) => isRunning),
    [false, false, true, true],
  )
})

t.test('a torrent is removed with its data or without', async t => {
  const { session, disk } = await openSession(t)
  const made = smallTorrent('a')
  await disk.writeFile('/home/a', made.content)
  const torrent = await session.add(made.metainfo)
  await waitForSession(session, () => torrent.status === 'seeding')
  await session.remove(torrent)
  t.strictSame(await disk.readFile('/home/a'), made.content)
  t.strictSame(session.torrents, [])
  t.strictSame(await disk.readdir('/state/torrents'), [])
  const again = await session.add(made.metainfo)
  t.not(again.id, torrent.id)
  await waitForSession(session, () => again.status === 'seeding')
  await session.remove(again, { withData: true })
  await t.rejects(disk.readFile('/home/a'), { code: 'ENOENT' })
})

t.test('a recheck finds what has changed on disk', async t => {
  const { session, disk } = await openSession(t)
  const made = smallTorrent('a')
  await disk.writeFile('/home/a', made.content)
  const torrent = await session.add(made.metainfo)
  await waitForSession(session, () => torrent.status === 'seeding')
  await torrent.stop()
  await disk.writeFile('/home/a', Buffer.concat([Buffer.alloc(16_384), made.content.subarray(16_384)]))
  const states: string[] = []
  session.on('changed', () => states.push(torrent.status))
  await torrent.recheck()
  t.ok(states.includes('waiting'))
  t.equal(torrent.progress.verifiedBytes, 100_000 - 16_384)
  t.equal(torrent.isComplete, false)
})

t.test('files are moved, and renamed, and found there after a restart', async t => {
  const disk = sessionDisk()
  const { session, close } = await openSession(t, disk)
  const made = smallTorrent('a')
  await disk.writeFile('/home/a', made.content)
  const torrent = await session.add(made.metainfo)
  await waitForSession(session, () => torrent.status === 'seeding')
  await session.move(torrent, '/data/here')
  t.strictSame(await disk.readFile('/data/here/a'), made.content)
  await t.rejects(disk.readFile('/home/a'), { code: 'ENOENT' })
  await waitForSession(session, () => torrent.status === 'seeding')
  await torrent.rename('a', 'b')
  t.equal(torrent.name, 'b')
  t.strictSame(await disk.readFile('/data/here/b'), made.content)
  await waitForSession(session, () => torrent.status === 'seeding')
  await close()
  const again = await openSession(t, disk)
  await waitForSession(again.session, () => again.session.torrents[0]!.status === 'seeding')
  const [found] = again.session.torrents
  const listed = [{ path: 'b', completed: 100_000, priority: 'normal' }]
  t.match(await found!.listFiles(), listed)
  await found!.stop()
  await disk.unlink(`${STATE_DIRECTORY}/torrents/${found!.infoHash}.torrent`)
  t.match(await found!.listFiles(), listed, 'also without its .torrent, while it is stopped')
})

t.test('a check and moves of a torrent are done one after the other', async t => {
  const { session, disk } = await openSession(t)
  const made = smallTorrent('a')
  await disk.writeFile('/home/a', made.content)
  const torrent = await session.add(made.metainfo)
  await waitForSession(session, () => torrent.status === 'seeding')
  const order: string[] = []
  const note = (job: string) => () => order.push(`${job} ${torrent.record.directory}`)
  await Promise.all([
    torrent.recheck().then(note('check')),
    session.move(torrent, '/data').then(note('move')),
    session.move(torrent, '/more').then(note('move')),
    session.move(torrent, '/more').then(note('move')),
    t.rejects(torrent.rename('a', 'b'), { code: 'ERR_BUSY', message: /^a: its files are being checked/ }),
  ])
  t.strictSame(order, ['check /home', 'move /data', 'move /more', 'move /more'])
  t.strictSame(await disk.readFile('/more/a'), made.content)
  await waitForSession(session, () => torrent.status === 'seeding')

  // a check that has not begun is one check for all that request it
  const checks = Promise.all(Array.from({ length: 500 }, () => torrent.recheck()))
  const moves = Array.from({ length: 200 }, () => torrent.move('/home'))
  const results = await Promise.allSettled([checks, ...moves])
  const failures = results.flatMap(result => (result.status === 'rejected' ? [result.reason] : []))
  t.equal(failures.length, 101)
  t.match(failures[0], { code: 'ERR_BUSY', message: /100 changes of its files wait already/ })
  t.strictSame(await disk.readFile('/home/a'), made.content)
})

t.test(
  'a check that waits is one for all that request it, also after the check before it has ended',
  async t => {
    const { session, disk } = await openSession(t)
    const [torrent, other] = await Promise.all(
      ['a', 'b'].map(async name => {
        const made = smallTorrent(name)
        await disk.writeFile(`/home/${name}`, made.content)
        const added = await session.add(made.metainfo)
        await waitForSession(session, () => added.status === 'seeding')
        return added
      }),
    )
    const first = torrent!.recheck()
    t.equal(torrent!.status, 'waiting')
    while (torrent!.status === 'waiting') await new Promise(setImmediate)
    t.equal(torrent!.status, 'checking')
    const jobs = [other!.recheck(), torrent!.recheck()]
    await first
    t.equal(torrent!.status, 'waiting')
    const last = torrent!.recheck()
    await Promise.all(jobs)
    t.not(torrent!.status, 'waiting')
    await last
  },
)

t.test('a job that waits is dropped when the torrent is removed', async t => {
  const { session, disk } = await openSession(t)
  const made = smallTorrent('a')
  await disk.writeFile('/home/a', made.content)
  const torrent = await session.add(made.metainfo)
  await waitForSession(session, () => torrent.status === 'seeding')
  const jobs = Promise.allSettled([torrent.recheck(), session.move(torrent, '/data')])
  await session.remove(torrent)
  t.match(await jobs, [{ reason: { code: 'ERR_ABORTED' } }, { reason: { code: 'ERR_ABORTED' } }])
  t.strictSame(await disk.readFile('/home/a'), made.content)
})

t.test(
  'after a rename, a move and a recheck the earlier peers are dialled again, without a tracker',
  async t => {
    const { session } = await openSession(t)
    const made = smallTorrent('a')
    const { port } = await shareAll(t, [made])
    const hash = made.metainfo.infoHash.toString('hex')
    // the link names the peer, and is not kept once there is metadata
    const torrent = await session.add(`magnet:?xt=urn:btih:${hash}&x.pe=127.0.0.1:${port}`, {
      down: { enabled: true, value: 1000 },
    })
    const isConnected = () => {
      torrent.measure()
      return torrent.status === 'downloading' && torrent.torrent?.peers[0]?.incoming === false
    }
    const connect = () => waitUntil(isConnected)
    await connect()
    for (const change of [
      () => torrent.rename('a', 'b'),
      () => session.move(torrent, '/elsewhere'),
      () => torrent.recheck(),
    ]) {
      await change()
      await connect()
    }
    await torrent.set({ down: { enabled: false, value: 0 } })
    await waitForSession(session, () => torrent.isComplete)
    t.strictSame(torrent.name, 'b')
  },
)

t.test(
  'a torrent fails when all of its files have gone, and downloads them when it is started again',
  async t => {
    const disk = sessionDisk()
    const { session, close } = await openSession(t, disk)
    const made = smallTorrent('a')
    await disk.writeFile('/home/a', made.content)
    const torrent = await session.add(made.metainfo)
    await waitForSession(session, () => torrent.status === 'seeding')
    await close()
    await disk.unlink('/home/a')
    const again = await openSession(t, disk)
    const own = again.session.torrents[0]!
    await waitForSession(again.session, () => own.status === 'stopped')
    t.match(own.error, { code: 'ERR_CHANGED' })
    await own.start()
    await waitForSession(again.session, () => own.status === 'downloading')
    t.equal(own.error, undefined)
  },
)

t.test('invalid options are rejected and change nothing', async t => {
  const { session } = await openSession(t, sessionDisk(), { roots: ['/home'] })
  const made = smallTorrent('a')
  await t.rejects(session.add(made.metainfo, { directory: '/etc' }), { code: 'ERR_PATH' })
  await t.rejects(session.add(made.metainfo, { directory: 'here' }), { code: 'ERR_PATH' })
  await t.rejects(session.add(made.metainfo, { labels: 'x' as never }), {
    code: 'ERR_USAGE',
    message: /^labels: /,
  })
  await t.rejects(session.add(made.metainfo, { off: [5] }), { code: 'ERR_USAGE', message: /file 5/ })
  await t.rejects(session.set({ directory: '' }), { code: 'ERR_PATH', message: /absolute path, got ""/ })
  await t.rejects(session.set({ up: 5 as never }), { code: 'ERR_USAGE', message: /^up: / })
  await t.rejects(session.set({ nothing: 5 } as never), { code: 'ERR_USAGE', message: /^nothing: / })
  const torrent = await session.add(made.metainfo, { start: false })
  await t.rejects(torrent.set({ maxPeers: -1 }), { code: 'ERR_USAGE', message: /^maxPeers: / })
  await t.rejects(torrent.setPriority([1], 'off'), { code: 'ERR_USAGE' })
  await t.rejects(torrent.rename('a', '../b'), { code: 'ERR_PATH' })
  await t.rejects(torrent.rename('c', 'b'), { code: 'ERR_PATH' })
  await t.rejects(session.move(torrent, '/etc'), { code: 'ERR_PATH' })
  const nothing = undefined as never
  t.throws(() => session.get(nothing), { name: 'InputError', message: /^key: / })
  await t.rejects(session.remove(nothing), { name: 'InputError', message: /^torrent: / })
  await t.rejects(session.move(nothing, '/home'), { name: 'InputError', message: /^torrent: / })
  await t.rejects(session.move(torrent, nothing), { name: 'InputError', message: /^directory: / })
  await t.rejects(session.queue.move(nothing, 'up'), { name: 'InputError', message: /^torrents: / })
  await t.rejects(torrent.move(nothing), { name: 'InputError', message: /^directory: / })
  await t.rejects(torrent.rename(nothing, 'b'), { name: 'InputError', message: /^path: / })
  await t.rejects(torrent.setPriority(nothing, 'off'), { name: 'InputError', message: /^indices: / })
  await t.rejects(torrent.addSource(nothing), { name: 'InputError', message: /^source: / })
  t.ok(session.get(torrent.id))
})

t.test('a symlink that leads out of the roots is rejected, one that stays inside is not', async t => {
  const disk = sessionDisk()
  await disk.mkdir('/etc/deep', { recursive: true })
  await disk.mkdir('/home/films', { recursive: true })
  await disk.symlink('/etc', '/home/out')
  await disk.symlink('../etc/deep', '/home/up')
  await disk.symlink('/home/films', '/home/in')
  await disk.symlink('/home/loop', '/home/loop')
  const { session } = await openSession(t, disk, { roots: ['/home'] })
  const made = smallTorrent('a')
  for (const directory of ['/home/out', '/home/out/new/one', '/home/up', '/home/loop', '/home/../etc'])
    await t.rejects(session.add(made.metainfo, { directory }), { code: 'ERR_PATH' }, directory)
  await t.rejects(session.set({ categories: { films: '/home/out' } }), { code: 'ERR_PATH' })
  const torrent = await session.add(made.metainfo, { directory: '/home/in/new', start: false })
  await t.rejects(session.move(torrent, '/home/out/new'), { code: 'ERR_PATH' })
  await session.move(torrent, '/home/films')
})

t.test('a root may itself be a symlink', async t => {
  const disk = sessionDisk()
  await disk.mkdir('/disks/one', { recursive: true })
  await disk.symlink('/disks/one', '/data')
  const { session } = await openSession(t, disk, { roots: ['/data'], directory: '/data' })
  await session.add(smallTorrent('a').metainfo, { directory: '/data/new', start: false })
})

t.test('a record has the fields of the .torrent that lists show, and an older record gets them', async t => {
  const disk = sessionDisk()
  const made = smallTorrent('a')
  const metainfo = { ...made.metainfo, comment: 'a comment', trackers: [['http://127.0.0.1:9/announce']] }
  const facts = { comment: 'a comment', createdBy: '', pieceLength: 16_384, trackers: metainfo.trackers }
  const first = await openSession(t, disk)
  const added = await first.session.add(metainfo, { start: false })
  t.match(added.record.facts, facts)
  await first.close()

  const store = new FileStateStore(STATE_DIRECTORY, { fs: disk })
  const { torrents } = await store.open()
  t.match(torrents[0]!.facts, facts)
  const { facts: _, ...older } = torrents[0]!
  await store.saveTorrent(older as TorrentRecord)
  await store.close()

  const { session } = await openSession(t, disk)
  const torrent = session.torrents[0]!
  t.equal(torrent.record.facts, null)
  await torrent.loadMetainfo()
  t.match(torrent.record.facts, facts)
})

t.test('a .torrent with endless trackers does not fill its record', async t => {
  const trackers = Array.from({ length: 500 }, (_, at) => [`http://127.0.0.1:9/${at}/${'x'.repeat(50)}`])
  const { session } = await openSession(t)
  const torrent = await session.add({ ...smallTorrent('a').metainfo, trackers }, { start: false })
  t.equal(torrent.record.facts, null)
})

t.test('a blocklist is remembered, and a damaged one is a warning', async t => {
  const disk = sessionDisk()
  await disk.writeFile('/home/list', '1.2.3.0 - 1.2.3.255 , 000 , a name\n')
  const first = await openSession(t, disk)
  await first.session.set({ blocklist: { enabled: true, url: '/home/list' } })
  t.strictSame(
    await Promise.all([first.session.blocklist.update(), first.session.blocklist.update()]),
    [1, 1],
  )
  await first.close()

  const second = await openSession(t, disk)
  t.equal(second.session.blocklist.size, 1)
  t.equal(second.client.blocklist?.has('1.2.3.4'), true)
  await second.close()

  const bytes = (await disk.readFile(`${STATE_DIRECTORY}/blocklist`)) as Buffer
  bytes[9]! ^= 1
  await disk.writeFile(`${STATE_DIRECTORY}/blocklist`, bytes)
  const { client, session } = await openSession(t, disk)
  const [warning] = await once(session, 'warning')
  t.match(warning, { code: 'ERR_RECORD', message: /blocklist is damaged/ })
  t.equal(client.blocklist, undefined)
  t.equal(await session.blocklist.update(), 1)
  t.equal(client.blocklist?.has('1.2.3.4'), true)
})

t.test('a record without a blocklist is that of an older version', async t => {
  const { blocklist: _, ...older } = defaultSettings('/home')
  const totals = { downloaded: 0, uploaded: 0, added: 0, runs: 0, runningTime: 0 }
  const { settings } = readSessionRecord({ nextId: 1, settings: older, totals }, 'record')
  t.strictSame(settings.blocklist, { enabled: false, url: '' })
})
