import t, { type Test } from 'tap'
import { BLOCK_LENGTH, type BlockRef } from '../../src/codec/message.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { type PeerScript, scriptedPeer, wrong } from '../helpers/scripted-peer.ts'
import type { Disk } from '../helpers/storage-suite.ts'
import { memoryDisk, run } from '../helpers/swarm.ts'
import { settle, VirtualClock } from '../helpers/virtual-clock.ts'

const MiB = 1 << 20
const RECORD_PATH = '/state/it.resume'
/** Two pieces of 64 blocks, and one of 3. */
const made = makeTorrent({
  files: [
    { path: 'd/a', length: MiB + 5000 },
    { path: 'd/b', length: MiB - 5000 + 2 * BLOCK_LENGTH + 42 },
  ],
  pieceLength: MiB,
})
const BLOCK_COUNT = 64 + 64 + 3
const nameOf = ({ index, begin }: BlockRef) => `${index}:${begin / BLOCK_LENGTH}`

/** Starts a peer that sends `count` blocks and then no more, and records the sent blocks. */
async function partialPeer(t: Test, count: number, change?: (data: Buffer) => Buffer) {
  const sentBlocks: string[] = []
  const script: PeerScript = {
    request: (block, wire, n) => {
      if (n >= count) return
      sentBlocks.push(nameOf(block))
      wire.sendBlock(block, change)
    },
  }
  const peer = await scriptedPeer(t, made, script)
  return { sentBlocks, peer }
}

/** Runs a download until the peer has sent its blocks. A timeout or a close ends it. */
async function interrupted(
  t: Test,
  disk: Disk,
  count: number,
  { end = 'close', change }: { end?: 'close' | 'timeout'; change?: (data: Buffer) => Buffer } = {},
) {
  const { sentBlocks, peer } = await partialPeer(t, count, change)
  const clock = new VirtualClock()
  const timeout = 60_000
  const { torrent } = run(t, made, {
    disk,
    clock,
    record: RECORD_PATH,
    peers: [peer.address],
    sequential: true,
    timeout,
  })
  const ended = torrent.done.catch((error: Error) => error)
  while (torrent.progress.downloaded < Math.min(count, BLOCK_COUNT) * BLOCK_LENGTH - BLOCK_LENGTH)
    await settle()
  await settle()
  if (end === 'timeout')
    while (torrent.progress.limit !== 'none' && !torrent.complete) {
      await clock.advance(1000)
      if (clock.now() > 200_000) break
    }
  await torrent.close()
  await ended
  return sentBlocks
}

for (const end of ['close', 'timeout'] as const) {
  t.test(
    `a download from a slow seed that is ended by ${end} three times downloads no block twice`,
    async t => {
      const disk = memoryDisk()
      const sentBlocks: string[] = []
      for (const count of [10, 31, 47]) sentBlocks.push(...(await interrupted(t, disk, count, { end })))
      t.equal(sentBlocks.length, 88)
      const { sentBlocks: last, peer } = await partialPeer(t, BLOCK_COUNT)
      const { torrent, file } = run(t, made, {
        disk,
        record: RECORD_PATH,
        peers: [peer.address],
        sequential: true,
      })
      await torrent.done
      t.equal(last.length, BLOCK_COUNT - 88)
      t.equal(new Set([...sentBlocks, ...last]).size, BLOCK_COUNT)
      t.ok((await file('d/a'))!.equals(made.content.subarray(0, MiB + 5000)))
      t.ok((await file('d/b'))!.equals(made.content.subarray(MiB + 5000)))
      t.equal(torrent.progress.downloaded, made.content.length - 88 * BLOCK_LENGTH)
      const from = [0, 1]
        .flatMap(index => torrent.contributionsTo(index))
        .reduce((sum, { bytes }) => sum + bytes, 0)
      t.equal(from, torrent.progress.downloaded, 'blocks of earlier runs belong to no peer')
      await torrent.close()
    },
  )
}

t.test('of a piece that lacks one block, only that block is downloaded', async t => {
  const disk = memoryDisk()
  await interrupted(t, disk, 63)
  const { sentBlocks, peer } = await partialPeer(t, 1)
  const { torrent, verified } = run(t, made, {
    disk,
    record: RECORD_PATH,
    peers: [peer.address],
    sequential: true,
  })
  while (verified.length === 0) await settle()
  t.same(sentBlocks, ['0:63'])
  t.same(verified, [0])
  await torrent.close()
})

t.test('when kept blocks are wrong, the piece is downloaded whole and no peer is blamed', async t => {
  const disk = memoryDisk()
  await interrupted(t, disk, 20, { change: wrong })
  const { sentBlocks, peer } = await partialPeer(t, Number.POSITIVE_INFINITY)
  const { torrent, file, warnings, disconnected } = run(t, made, {
    ...{ disk, record: RECORD_PATH, sequential: true },
    peers: [peer.address],
  })
  await torrent.done
  t.ok((await file('d/a'))!.equals(made.content.subarray(0, MiB + 5000)))
  t.ok((await file('d/b'))!.equals(made.content.subarray(MiB + 5000)))
  t.equal(sentBlocks.length, BLOCK_COUNT - 20 + 64, 'what was kept first, then all of the piece')
  t.same(warnings, [])
  t.same(disconnected, [])
})

t.test('a piece in a file that was replaced is downloaded whole', async t => {
  const disk = memoryDisk()
  await interrupted(t, disk, 20)
  await disk.writeFile('/home/d/a', Buffer.alloc(MiB, 3))
  const { peer } = await partialPeer(t, Number.POSITIVE_INFINITY)
  const { torrent, file, warnings } = run(t, made, { disk, record: RECORD_PATH, peers: [peer.address] })
  await torrent.done
  t.ok((await file('d/a'))!.equals(made.content.subarray(0, MiB + 5000)))
  t.same(warnings, [])
})

t.test('of a piece in a truncated file, only the missing blocks are downloaded', async t => {
  const disk = memoryDisk()
  await interrupted(t, disk, 20)
  await disk.writeFile('/home/d/a', made.content.subarray(0, 10 * BLOCK_LENGTH + 77))
  const { sentBlocks, peer } = await partialPeer(t, Number.POSITIVE_INFINITY)
  const { torrent, file } = run(t, made, {
    disk,
    record: RECORD_PATH,
    peers: [peer.address],
    sequential: true,
  })
  await torrent.done
  t.ok((await file('d/a'))!.equals(made.content.subarray(0, MiB + 5000)))
  t.equal(sentBlocks.length, BLOCK_COUNT - 10)
})

t.test('a kill loses no more than the blocks since the last record', async t => {
  const disk = memoryDisk()
  const clock = new VirtualClock()
  const { peer } = await partialPeer(t, 20)
  const { torrent } = run(t, made, {
    disk,
    clock,
    record: RECORD_PATH,
    peers: [peer.address],
    sequential: true,
  })
  while (torrent.progress.downloaded < 20 * BLOCK_LENGTH) await settle()
  await clock.advance(61_000)
  while ((await disk.readFile(RECORD_PATH).catch(() => undefined)) === undefined) await clock.advance(1000)
  const killed = memoryDisk()
  await killed.mkdir('/home/d', { recursive: true })
  await killed.mkdir('/state', { recursive: true })
  for (const path of [RECORD_PATH, '/home/d/a'])
    await killed.writeFile(path, (await disk.readFile(path)) as Uint8Array)
  await torrent.close()
  const { sentBlocks, peer: other } = await partialPeer(t, Number.POSITIVE_INFINITY)
  const next = run(t, made, { disk: killed, record: RECORD_PATH, peers: [other.address], sequential: true })
  await next.torrent.done
  t.equal(sentBlocks.length, BLOCK_COUNT - 20)
})

t.test('of a boundary piece nothing is kept for a file that is not selected', async t => {
  const disk = memoryDisk()
  const select = (index: number) => index === 0
  const { sentBlocks: before, peer: first } = await partialPeer(t, 66)
  const clock = new VirtualClock()
  const one = run(t, made, {
    disk,
    clock,
    record: RECORD_PATH,
    peers: [first.address],
    sequential: true,
    select,
  })
  while (one.torrent.progress.downloaded < 66 * BLOCK_LENGTH) await settle()
  await one.torrent.close()
  const { sentBlocks, peer } = await partialPeer(t, Number.POSITIVE_INFINITY)
  const two = run(t, made, { disk, record: RECORD_PATH, peers: [peer.address], sequential: true, select })
  await two.torrent.done
  t.ok((await two.file('d/a'))!.equals(made.content.subarray(0, MiB + 5000)))
  t.equal(await two.file('d/b'), undefined)
  t.equal(before.length, 66)
  t.equal(sentBlocks.length, 64, 'the first block of the second piece is in both files')
})

t.test('on demand, blocks of a piece that its reader left are not downloaded again', async t => {
  const disk = memoryDisk()
  let holds = true
  const asked: string[] = []
  const peer = await scriptedPeer(t, made, {
    request: (block, wire, n) => {
      asked.push(nameOf(block))
      if (n < 5 || block.index > 0 || !holds) wire.sendBlock(block)
    },
  })
  const { torrent } = run(t, made, { disk, peers: [peer.address], onDemand: true, share: true })
  const [file] = torrent.files
  const first = file!.stream({ end: 100 })
  first.on('error', () => {})
  first.resume()
  while (torrent.progress.downloaded < 5 * BLOCK_LENGTH) await settle()
  first.destroy()
  for await (const _ of torrent.files[1]!.stream({ start: 2 * MiB - MiB - 5000 }));
  const before = asked.length
  holds = false
  const reading = (async () => {
    const chunks: Uint8Array[] = []
    for await (const chunk of file!.stream({ end: 100 })) chunks.push(chunk)
    return Buffer.concat(chunks)
  })()
  t.ok((await reading).equals(made.content.subarray(0, 100)))
  t.same(
    asked.slice(before).filter(name => ['0:0', '0:1', '0:2', '0:3', '0:4'].includes(name)),
    [],
  )
})

t.test('a torrent that is closed during its check leaves its resume record unchanged', async t => {
  const disk = memoryDisk()
  await interrupted(t, disk, 70)
  const before = await disk.readFile(RECORD_PATH)
  let closedWhileChecking = 0
  for (let turns = 0; turns < 300; turns++) {
    const { torrent } = run(t, made, { disk, record: RECORD_PATH, peers: [] })
    for (let turn = 0; turn < 3 * turns; turn++) await undefined
    if (torrent.state !== 'checking') break
    await torrent.close()
    closedWhileChecking++
    t.same(await disk.readFile(RECORD_PATH), before)
  }
  t.ok(closedWhileChecking > 3)
})
