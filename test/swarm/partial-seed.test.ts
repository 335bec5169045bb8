import t, { type Test } from 'tap'
import { type ExtendedHandshake, parseExtendedHandshake } from '../../src/codec/extended.ts'
import { stream } from '../../src/pipeline/stream.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { dial, scriptedPeer, type Wire } from '../helpers/scripted-peer.ts'
import { client, memoryDisk, OFFLINE_OPTIONS, run } from '../helpers/swarm.ts'
import { type ScriptedTracker, scriptedTracker } from '../helpers/tracker.ts'
import { udpTracker } from '../helpers/udp-tracker.ts'
import { VirtualClock } from '../helpers/virtual-clock.ts'
import { RESERVED_BYTES } from '../helpers/wire.ts'

/** Two files of a little more than four pieces each. Both have a part of the fifth piece. */
const made = makeTorrent({
  files: [
    { path: 'torrent/a', length: 4 * 16384 + 100 },
    { path: 'torrent/b', length: 4 * 16384 },
  ],
})
const { length, pieceLength } = made.metainfo
/** Bytes of the pieces that belong only to the second file. */
const OTHER_OFFSET = length - 5 * pieceLength

function announcedTo({ announces }: ScriptedTracker) {
  return announces.map(({ event, params }) => `${event || '-'} ${params.left}`)
}

function withTrackers(...trackers: string[]) {
  return { ...made, metainfo: { ...made.metainfo, trackers: [trackers] } }
}

const quiet = (t: Test) => scriptedTracker(t, { body: { interval: 1800, peers: '' } })

/** The extended handshakes that a peer received, in order. */
function extendedHandshakesOf({ received }: Wire): ExtendedHandshake[] {
  return received.flatMap(message =>
    message.type === 'extended' && message.id === 0 ? [parseExtendedHandshake(message.payload)] : [],
  )
}

t.test('with one file of two, left counts the whole torrent, and no completion is announced', async t => {
  const tracker = await quiet(t)
  const clock = new VirtualClock()
  const peer = await scriptedPeer(t, made)
  const { torrent } = run(t, withTrackers(tracker.url), {
    trackers: true,
    select: index => index === 0,
    share: true,
    peers: [peer.address],
    clock,
  })
  await torrent.done
  while (tracker.announces.length < 2) await clock.advance(250)
  while (tracker.announces.length < 3) await clock.advance(60_000) // the reply is handled in real time
  await torrent.close()
  t.same(announcedTo(tracker), [
    `started ${length}`,
    `paused ${OTHER_OFFSET}`,
    `paused ${OTHER_OFFSET}`,
    `stopped ${OTHER_OFFSET}`,
  ])
})

t.test('without sharing it leaves at once, and announces only that', async t => {
  const tracker = await quiet(t)
  const peer = await scriptedPeer(t, made)
  const { torrent } = run(t, withTrackers(tracker.url), {
    trackers: true,
    select: index => index === 1,
    peers: [peer.address],
  })
  await torrent.done
  await tracker.seen(1)
  await torrent.close()
  t.notOk(tracker.announces.some(({ event, params }) => event === 'completed' || String(params.left) === '0'))
})

t.test('a seed that has a part is a partial seed from the start, also with super-seeding', async t => {
  for (const superSeed of [false, true]) {
    const tracker = await quiet(t)
    const disk = memoryDisk()
    await disk.mkdir('/home/torrent', { recursive: true })
    const broken = Buffer.from(made.content)
    broken[3 * pieceLength]! ^= 1
    await disk.writeFile('/home/torrent/a', broken.subarray(0, 4 * 16384 + 100))
    await disk.writeFile('/home/torrent/b', broken.subarray(4 * 16384 + 100))
    const { torrent } = run(t, withTrackers(tracker.url), {
      trackers: true,
      select: () => false,
      share: true,
      disk,
      superSeed,
    })
    await tracker.seen(2)
    await torrent.close()
    t.same(announcedTo(tracker), [
      `started ${pieceLength}`,
      `paused ${pieceLength}`,
      `stopped ${pieceLength}`,
    ])
  }
})

t.test('a complete seed announces left 0, and neither completed nor paused', async t => {
  for (const superSeed of [false, true]) {
    const tracker = await quiet(t)
    const disk = memoryDisk()
    await disk.mkdir('/home/torrent', { recursive: true })
    await disk.writeFile('/home/torrent/a', made.content.subarray(0, 4 * 16384 + 100))
    await disk.writeFile('/home/torrent/b', made.content.subarray(4 * 16384 + 100))
    const { torrent } = run(t, withTrackers(tracker.url), {
      trackers: true,
      select: () => false,
      share: true,
      disk,
      superSeed,
    })
    await tracker.seen(1)
    await torrent.close()
    t.same(announcedTo(tracker), ['started 0', 'stopped 0'])
  }
})

t.test('a UDP tracker is sent left, and no event that it does not know', async t => {
  const tracker = await udpTracker(t)
  const peer = await scriptedPeer(t, made)
  const { torrent } = run(t, withTrackers(tracker.url), {
    trackers: true,
    select: index => index === 0,
    share: true,
    peers: [peer.address],
  })
  await torrent.done
  await tracker.count(2)
  await torrent.close()
  const announces = tracker.seen.filter(({ action }) => action === 'announce')
  t.same(
    announces.map(({ packet }) => [packet.readUInt32BE(80), Number(packet.readBigUInt64BE(64))]).at(-1),
    [3, OTHER_OFFSET],
  )
  t.notOk(announces.some(({ packet }) => packet.readUInt32BE(80) === 1))
})

t.test('a reader of one file through a window is no seed, complete or partial', async t => {
  const tracker = await quiet(t)
  const peer = await scriptedPeer(t, made)
  const reader = stream(withTrackers(tracker.url).metainfo, {
    file: 0,
    ...OFFLINE_OPTIONS,
    trackers: true,
    peers: [peer.address],
    encryption: 'off',
  })
  const torrent = await reader.torrent
  const closed = new Promise(resolve => torrent.once('close', resolve as () => void))
  let bytes = 0
  for await (const chunk of reader) bytes += (chunk as Uint8Array).length
  await closed
  t.equal(bytes, made.metainfo.files[0]!.length)
  t.notOk(
    tracker.announces.some(
      ({ event, params }) => ['completed', 'paused'].includes(event) || String(params.left) === '0',
    ),
  )
})

t.test('on demand into a directory, completed is announced after the last byte was downloaded', async t => {
  const tracker = await quiet(t)
  const peer = await scriptedPeer(t, made)
  const { torrent } = run(t, withTrackers(tracker.url), {
    trackers: true,
    onDemand: true,
    share: true,
    peers: [peer.address],
  })
  const read = async (index: number) => {
    for await (const _ of torrent.files[index]!.stream());
  }
  await read(0)
  await tracker.seen(1)
  t.same(announcedTo(tracker), [`started ${length}`])
  await read(1)
  await tracker.seen(2)
  await torrent.close()
  t.same(announcedTo(tracker).slice(1), ['completed 0', 'stopped 0'])
})

t.test('connected peers get upload_only when nothing more is wanted; later ones at once', async t => {
  const disk = memoryDisk()
  await disk.mkdir('/home/torrent', { recursive: true })
  const { address, torrent } = await client(t, made, {
    disk,
    has: () => false,
    select: index => index === 0,
  })
  const wire = await dial(t, made, address, {
    has: () => true,
    handshake: { reserved: RESERVED_BYTES.extended },
  })
  await torrent.done
  await wire.waitUntil(() => extendedHandshakesOf(wire).length === 2)
  const [first, second] = extendedHandshakesOf(wire)
  t.equal(first!.uploadOnly, undefined)
  t.equal(second!.uploadOnly, true)
  t.same([...second!.extensions], [...first!.extensions], 'nothing is switched off by it')
  const lateWire = await dial(t, made, address, { handshake: { reserved: RESERVED_BYTES.extended } })
  await lateWire.waitUntil(() => extendedHandshakesOf(lateWire).length === 1)
  t.equal(extendedHandshakesOf(lateWire)[0]!.uploadOnly, true)
})
