import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeTorrent } from '../helpers/metainfo.ts'
import { scriptedPeer } from '../helpers/scripted-peer.ts'
import { leavesNothing, log, memoryDisk, oddTorrent, run, startTorrent } from '../helpers/swarm.ts'

const made = oddTorrent()
const piecesOf = (requests: readonly { index: number }[]) =>
  [...new Set(requests.map(({ index }) => index))].sort((a, b) => a - b)

t.test('a complete download is not downloaded again', async t => {
  const peer = await scriptedPeer(t, made)
  const disk = memoryDisk()
  await disk.writeFile('/home/odd.bin', made.content)
  const { torrent, events, verified } = run(t, made, { disk, peers: [peer.address] })
  await torrent.done
  await torrent.close()
  t.same(events, ['started', 'done', 'close'])
  t.equal(verified.length, 11)
  t.equal(peer.wires.length, 0)
  t.match(torrent.progress, { verified: made.content.length, total: made.content.length, limit: 'none' })
})

t.test('only altered pieces are downloaded again', async t => {
  const peer = await scriptedPeer(t, made)
  const disk = memoryDisk()
  const bad = Buffer.from(made.content)
  for (const at of [0, 3 * 40960 - 1, 7 * 40960 + 5]) bad[at]! ^= 1
  await disk.writeFile('/home/odd.bin', bad)
  const { torrent, file } = run(t, made, { disk, peers: [peer.address] })
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.same(piecesOf(peer.requests), [0, 2, 7])
})

t.test('truncated files are completed, and longer files are truncated', async t => {
  for (const [stored, pieces] of [
    [made.content.subarray(0, 5 * 40960 + 100), [5, 6, 7, 8, 9, 10]],
    [Buffer.concat([made.content, Buffer.alloc(5000, 1)]), []],
    [Buffer.alloc(0), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
  ] as const) {
    const peer = await scriptedPeer(t, made)
    const disk = memoryDisk()
    await disk.writeFile('/home/odd.bin', stored)
    const { torrent, file } = run(t, made, { disk, peers: [peer.address] })
    await torrent.done
    t.same(await file('odd.bin'), made.content)
    t.same(piecesOf(peer.requests), pieces)
  }
})

t.test('only selected files are downloaded and created, empty ones among them', async t => {
  const torrent = makeTorrent({
    files: [40_000, 0, 40_000, 0, 40_000].map((length, index) => ({ path: `d/${index}`, length })),
    pieceLength: 16384,
  })
  const peer = await scriptedPeer(t, torrent)
  const selected = [1, 2]
  const {
    torrent: one,
    file,
    disk,
  } = run(t, torrent, {
    peers: [peer.address],
    select: index => selected.includes(index),
  })
  await one.done
  t.same(await file('d/2'), torrent.content.subarray(40_000, 80_000))
  t.same(await disk.readdir('/home/d'), ['1', '2'])
  t.same(piecesOf(peer.requests), [2, 3, 4])
  t.equal(one.progress.total, 3 * 16384)
})

t.test('a selection of empty files, or of none, is done at once', async t => {
  const empty = makeTorrent({ files: [0, 0].map((length, index) => ({ path: `d/${index}`, length })) })
  const first = run(t, empty)
  await first.torrent.done
  t.same(await first.disk.readdir('/home/d'), ['0', '1'])
  const second = run(t, made, { select: () => false })
  await second.torrent.done
  t.same(await second.disk.readdir('/home'), [])
  t.same(second.events, ['started', 'done'])
})

t.test('read() gives a file as it arrives, or a range of it', async t => {
  const torrent = makeTorrent({
    files: [30_000, 70_000].map((length, index) => ({ path: `d/${index}`, length })),
    pieceLength: 16384,
  })
  const peer = await scriptedPeer(t, torrent)
  const { torrent: source } = run(t, torrent, { peers: [peer.address] })
  const all = async (chunks: AsyncIterable<Uint8Array>) => {
    const parts: Uint8Array[] = []
    for await (const chunk of chunks) parts.push(chunk)
    return Buffer.concat(parts)
  }
  const file = torrent.content.subarray(30_000)
  const [whole, part, beyond] = await Promise.all([
    all(source.files[1]!.stream()),
    all(source.files[1]!.stream({ start: 100, end: 50_000 })),
    all(source.files[1]!.stream({ start: 69_000, end: 1e9 })),
  ])
  t.same(whole, file)
  t.same(part, file.subarray(100, 50_000))
  t.same(beyond, file.subarray(69_000))
  t.throws(() => source.files[1]!.stream({ start: 70_001 }), { code: 'ERR_USAGE', message: '70001' })
})

t.test('a download to a real directory is repaired after damage', async t => {
  leavesNothing(t)
  const torrent = makeTorrent({
    files: [
      { path: 'd/a', length: 100_000 },
      { path: 'd/sub/b', length: 1 },
      { path: 'd/empty', length: 0 },
      { path: 'd/c', length: 50_000 },
    ],
    pieceLength: 16384,
  })
  const output = t.testdir()
  const same = async () => {
    for (const { path, offset, length } of torrent.metainfo.files) {
      t.same(
        await fs.promises.readFile(join(output, path)),
        torrent.content.subarray(offset, offset + length),
      )
    }
  }
  const peer = await scriptedPeer(t, torrent)
  const get = async () => {
    const before = peer.requests.length
    const source = startTorrent(torrent.metainfo, { output, trackers: false, peers: [peer.address] })
    const record = log(source)
    await source.done
    await source.close()
    t.equal(record.events.at(-1), 'close')
    return piecesOf(peer.requests.slice(before))
  }
  t.equal((await get()).length, 10)
  await same()
  await fs.promises.truncate(join(output, 'd/a'), 99_000)
  await fs.promises.rm(join(output, 'd/empty'))
  t.same(await get(), [6])
  await same()
  t.same(await get(), [])
})
