import t from 'tap'
import { Bitfield } from '../../src/codec/bitfield.ts'
import { Client } from '../../src/pipeline/client.ts'
import { directoryContent } from '../../src/pipeline/download.ts'
import type { PiecePriority } from '../../src/pipeline/pieces/picker.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { openSession, sessionDisk, shareAll, waitForSession } from '../helpers/session.ts'
import { memoryDisk, OFFLINE_OPTIONS } from '../helpers/swarm.ts'

/** Pieces that may be requested while choked (BEP 6), which follow no priority. */
const FAST_BIT = 4

/** Three files; pieces are shared between neighbours. */
const made = makeTorrent({
  files: [
    { path: 'torrent/a', length: 100_000 },
    { path: 'torrent/b', length: 100_000 },
    { path: 'torrent/c', length: 100_000 },
  ],
  pieceLength: 16_384,
})
const contentOf = (index: number) => made.content.subarray(index * 100_000, (index + 1) * 100_000)

t.test('a file that is selected later is downloaded at once, with the pieces that it shares', async t => {
  const { port } = await shareAll(t, [made])
  const { session, disk } = await openSession(t)
  const torrent = await session.add(made.metainfo, { off: [0, 2], peers: [`127.0.0.1:${port}`] })
  await waitForSession(session, () => torrent.status === 'seeding')
  const running = torrent.torrent
  t.strictSame(await disk.readFile('/home/torrent/b'), contentOf(1))
  await t.rejects(disk.readFile('/home/torrent/a'), { code: 'ENOENT' })
  t.equal(torrent.progress.verifiedBytes, torrent.progress.wantedBytes)
  const warnings: string[] = []
  session.on('warning', ({ message }) => warnings.push(message))
  await torrent.setPriority([0], 'high')
  await waitForSession(session, () => torrent.isComplete && torrent.progress.haveBytes > 200_000)
  t.strictSame(await disk.readFile('/home/torrent/a'), contentOf(0))
  t.strictSame(await disk.readFile('/home/torrent/b'), contentOf(1))
  await t.rejects(disk.readFile('/home/torrent/c'), { code: 'ENOENT' })
  t.equal(torrent.torrent, running, 'it was not started again')
  t.strictSame(warnings, [])
  t.match(await torrent.listFiles(), [
    { path: 'torrent/a', priority: 'high', completed: 100_000 },
    { path: 'torrent/b', priority: 'normal', completed: 100_000 },
    { path: 'torrent/c', priority: 'off' },
  ])
})

t.test('what is not selected any more is not downloaded, and the rest is complete', async t => {
  const { session, disk } = await openSession(t)
  await disk.mkdir('/home/torrent', { recursive: true })
  await disk.writeFile('/home/torrent/b', contentOf(1))
  const torrent = await session.add(made.metainfo)
  await waitForSession(session, () => torrent.status === 'downloading')
  await torrent.setPriority([0, 2], 'off')
  // the first and the last piece of b lack bytes of its neighbours
  t.equal(torrent.torrent!.progress.total, 7 * 16_384)
  t.equal(torrent.isComplete, false)
  await torrent.setPriority([1], 'off')
  await waitForSession(session, () => torrent.status === 'seeding')
  t.equal(torrent.progress.wantedBytes, 0)
  await torrent.setPriority([1], 'normal')
  await waitForSession(session, () => torrent.status === 'downloading')
  t.equal(torrent.torrent!.progress.total, 7 * 16_384)
})

t.test('a selection is kept across a restart, and may be made before the metadata is known', async t => {
  const disk = sessionDisk()
  const { port } = await shareAll(t, [made])
  const first = await openSession(t, disk)
  const link = `magnet:?xt=urn:btih:${made.metainfo.infoHash.toString('hex')}&x.pe=127.0.0.1:${port}`
  const added = await first.session.add(link, { start: false })
  await added.setPriority([0, 1], 'off')
  await first.close()
  const { session } = await openSession(t, disk)
  const torrent = session.torrents[0]!
  await torrent.start()
  await waitForSession(session, () => torrent.status === 'seeding')
  t.strictSame(await disk.readFile('/home/torrent/c'), contentOf(2))
  await t.rejects(disk.readFile('/home/torrent/a'), { code: 'ENOENT' })
})

t.test(
  'pieces of a higher priority come first, also after a change, and cancelled ones do not come',
  async t => {
    const { client: seed, port } = await shareAll(t, [made])
    const client = new Client({
      ...OFFLINE_OPTIONS,
      encryption: 'off',
      hashThreads: 0,
      memory: 16_384 * 8,
      down: 200_000,
    })
    t.teardown(() => client.close())
    const priorities: (PiecePriority | 0)[] = [1, 2, 3]
    const torrent = await client.add(made.metainfo, { peers: [{ host: '127.0.0.1', port }] })
    const order: number[] = []
    torrent.on('verified', index => {
      order.push(index)
      if (order.length !== FAST_BIT + 2) return
      priorities.splice(0, 3, 3, 2, 0)
      torrent.reselect()
    })
    const output = { output: '/home', fs: memoryDisk() }
    torrent.begin(
      directoryContent(made.metainfo, {
        ...output,
        select: index => priorities[index]! > 0,
        priority: index => (priorities[index] || 1) as PiecePriority,
      }),
    )
    await torrent.done
    t.ok(
      order.slice(FAST_BIT, FAST_BIT + 2).every(index => index >= 12),
      `c is first: ${order}`,
    )
    const after = order.slice(FAST_BIT + 2).filter(index => index < 12)
    // four pieces are in progress at a time
    t.ok(
      after.slice(0, 2).every(index => index <= 6),
      `then a: ${order}`,
    )
    const wanted = new Set(order.filter(index => index < 12))
    t.equal(wanted.size, 12, `all of a and b: ${order}`)
    t.ok(order.length < 19, `c is not complete: ${order}`)
    t.ok(torrent.verified instanceof Bitfield && seed.torrents.length === 1)
  },
)

t.test('a file that another torrent writes cannot be selected, and the selection stays', async t => {
  const { session } = await openSession(t)
  const torrent = await session.add(made.metainfo, { off: [0] })
  await waitForSession(session, () => torrent.status === 'downloading')
  const same = makeTorrent({
    files: [{ path: 'torrent/a', length: 50_000 }],
    multiFile: true,
    pieceLength: 16_384,
    seed: 3,
  })
  const other = await session.add(same.metainfo)
  await waitForSession(session, () => other.status === 'downloading')
  await t.rejects(torrent.setPriority([0], 'normal'), { code: 'ERR_LOCKED' })
  t.match(await torrent.listFiles(), [{ priority: 'off' }, {}, {}])
  await session.remove(other)
  await torrent.setPriority([0], 'normal')
  t.match(await torrent.listFiles(), [{ priority: 'normal' }, {}, {}])
})
