/** `pause` and `resume`, in every state, with one source, because a second one would hide faults. */
import t, { type Test } from 'tap'
import { encode } from '../../src/codec/bencode.ts'
import { parseExtendedHandshake } from '../../src/codec/extended.ts'
import { reservedBytes } from '../../src/codec/handshake.ts'
import { encodeMetadataMessage, parseMetadataMessage } from '../../src/codec/metadata.ts'
import { parseMagnet } from '../../src/metainfo/magnet.ts'
import { ConnectionLimit } from '../../src/pipeline/limits/connection-limit.ts'
import { MemoryBudget } from '../../src/pipeline/limits/memory-budget.ts'
import type { TorrentOptions } from '../../src/pipeline/torrent/torrent-options.ts'
import { Torrent } from '../../src/pipeline/torrent.ts'
import { WindowStorage } from '../../src/storage/window-storage.ts'
import { generator } from '../helpers/feed.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { dial, named, scriptedPeer } from '../helpers/scripted-peer.ts'
import { MemoryStorage } from '../helpers/simulation/memory-storage.ts'
import { ModelPeer } from '../helpers/simulation/model-peer.ts'
import { SimulatedNetwork } from '../helpers/simulation/network.ts'
import { SimulatedSwarm } from '../helpers/simulation/swarm.ts'
import { client, leavesNothing, oddTorrent, run } from '../helpers/swarm.ts'
import { scriptedTracker } from '../helpers/tracker.ts'
import { VirtualClock as SteppedClock, settle, VirtualClock } from '../helpers/virtual-clock.ts'
import { webServer } from '../helpers/web-server.ts'

const BLOCK_BYTES = 16_384
const PIECE_LENGTH = 4 * BLOCK_BYTES
const made = makeTorrent({
  files: [{ path: 'one', length: 40 * PIECE_LENGTH + 1234 }],
  pieceLength: PIECE_LENGTH,
})
const blocks = Math.ceil(made.content.length / BLOCK_BYTES)

/** A torrent and the only peer that has it, which takes 20 ms per block, on their own network. */
function connect(t: Test, options: Partial<TorrentOptions> = {}) {
  const clock = new VirtualClock({ patience: 60_000 })
  const network = new SimulatedNetwork({ clock, random: generator(1) })
  const host = network.host('10.0.1.1', { latency: 20 })
  const manners = { fast: true, reqq: undefined, queue: 500, pace: 20, shuffled: false, cancels: true }
  const peer = new ModelPeer(clock, host, made, { ...manners, faults: [], periods: [] }, generator(1))
  const storage = new MemoryStorage(made.content.length)
  const torrent = new Torrent(made.metainfo, {
    clock,
    storage,
    random: generator(1),
    connect: network.host('10.0.0.1', { latency: 20 }).connect,
    trackers: false,
    encryption: 'off',
    peers: [peer.address],
    ...options,
  })
  const events: string[] = []
  for (const name of ['paused', 'resumed', 'started', 'done', 'error', 'warning', 'close'] as const)
    torrent.on(name, () => events.push(name))
  const disconnected: string[] = []
  torrent.on('disconnected', (_, reason) => disconnected.push(reason))
  t.teardown(async () => {
    void torrent.close()
    await clock.run({ for: 60_000 })
  })
  return { clock, peer, torrent, storage, events, disconnected }
}

t.test('a paused download requests nothing from its only peer, does not time out, and continues', async t => {
  const { clock, peer, torrent, storage, events, disconnected } = connect(t, { timeout: 10_000 })
  torrent.start()
  await clock.run({ until: () => torrent.verified.count >= 10, for: 60_000 })
  void torrent.pause()
  t.equal(torrent.state, 'paused')
  t.equal(torrent.started, false)
  t.equal(torrent.waiting, false)
  t.equal(torrent.reason, 'paused')
  t.match(torrent.progress, { downSpeed: 0, upSpeed: 0, eta: null, peers: 0, limit: 'none' })
  t.same(disconnected, ['the torrent was paused'])
  await clock.run({ for: 100 })
  const { asked } = peer
  const { verified } = torrent.progress
  await clock.run({ for: 3_600_000 })
  t.equal(peer.asked, asked)
  t.equal(peer.connections, 1)
  t.equal(torrent.progress.verified, verified)
  torrent.resume()
  t.equal(torrent.state, 'downloading')
  await clock.run({ until: () => torrent.complete, for: 60_000 })
  t.ok(storage.holds(made.content))
  t.equal(peer.connections, 2)
  t.ok(
    peer.asked <= blocks + 40,
    `${peer.asked} requests for ${blocks} blocks: only those under way are repeated`,
  )
  t.equal(torrent.state, 'seeding')
  t.same(events, ['started', 'paused', 'resumed', 'done'])
})

t.test('pause and close do not reset the connection to a peer that sends', async t => {
  for (const end of ['pause', 'close'] as const) {
    const sending = oddTorrent()
    const errors: Error[] = []
    const peer = await scriptedPeer(t, sending, {
      sendGreeting: wire => {
        wire.socket.on('error', error => errors.push(error))
        wire.sendGreeting()
      },
      request: (block, wire) => {
        wire.sendBlock(block)
        for (let times = 0; times < 100; times++) wire.send({ type: 'keepAlive' })
      },
    })
    const { torrent } = run(t, sending, { peers: [peer.address] })
    const wire = await peer.connection()
    await wire.waitForMessages('request')
    void torrent[end]()
    await wire.waitForEnd()
    t.same(errors, [], end)
  }
})

t.test('pause and resume are idempotent, and may follow each other at once', async t => {
  const { clock, torrent, storage, events } = connect(t, { timeout: 10_000 })
  torrent.start()
  await clock.run({ until: () => torrent.verified.count >= 3, for: 60_000 })
  for (let times = 0; times < 3; times++) {
    void torrent.pause()
    void torrent.pause()
    torrent.resume().resume()
  }
  t.same(events, ['started', ...Array.from({ length: 3 }, () => ['paused', 'resumed']).flat()])
  await clock.run({ until: () => torrent.complete, for: 60_000 })
  t.ok(storage.holds(made.content))
})

t.test('a download that is paused at any times gets every byte', async t => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const random = generator(seed)
    const { clock, torrent, storage } = connect(t, { timeout: 20_000 })
    torrent.start()
    for (let times = 0; times < 30 && !torrent.complete; times++) {
      await clock.run({ for: Math.floor(random() * 400) })
      void torrent.pause()
      await clock.run({ for: Math.floor(random() * 5_000) })
      torrent.resume()
    }
    await clock.run({ until: () => torrent.complete, for: 120_000 })
    t.ok(storage.holds(made.content), `seed ${seed}`)
  }
})

t.test('a torrent that is paused before it starts checks its pieces and connects after resume', async t => {
  const { clock, peer, torrent, events } = connect(t)
  void torrent.pause()
  t.equal(torrent.state, 'paused')
  torrent.start()
  t.equal(torrent.state, 'paused')
  await clock.run({ for: 60_000 })
  t.equal(peer.connections, 0)
  t.same(events, ['paused'])
  torrent.resume()
  await clock.run({ until: () => torrent.complete, for: 60_000 })
  t.same(events, ['paused', 'resumed', 'started', 'done'])
})

t.test(
  'a torrent that is paused while it checks its pieces begins to exchange blocks after resume',
  async t => {
    const { clock, peer, torrent, events } = connect(t)
    torrent.start()
    t.equal(torrent.state, 'checking')
    void torrent.pause()
    t.equal(torrent.state, 'paused')
    await clock.run({ for: 60_000 })
    t.same([peer.connections, events], [0, ['paused']])
    torrent.resume()
    t.equal(torrent.state, 'downloading')
    await clock.run({ until: () => torrent.complete, for: 60_000 })
  },
)

t.test('a torrent may be resumed while it checks its pieces', async t => {
  const { clock, torrent, events } = connect(t)
  torrent.start()
  void torrent.pause()
  torrent.resume()
  t.equal(torrent.state, 'checking')
  await clock.run({ until: () => torrent.complete, for: 60_000 })
  t.same(events, ['paused', 'resumed', 'started', 'done'])
})

t.test('a paused torrent closes as any other does', async t => {
  const { clock, torrent, events } = connect(t)
  torrent.start()
  await clock.run({ until: () => torrent.verified.count >= 3, for: 60_000 })
  void torrent.pause()
  const closed = torrent.close()
  t.equal(torrent.state, 'closed')
  await clock.run({ for: 5_000 })
  await closed
  await torrent.pause()
  torrent.resume()
  t.equal(torrent.state, 'closed')
  t.same(events, ['started', 'paused', 'close'])
  await t.rejects(torrent.done, { code: 'ERR_ABORTED' })
  t.equal(clock.pending, 0)
})

t.test('a reader waits while its torrent is paused, and gets the rest after resume', async t => {
  for (const storage of [new MemoryStorage(made.content.length), new WindowStorage()]) {
    const { clock, torrent } = connect(t, { storage, memory: 16 * PIECE_LENGTH })
    torrent.start()
    const chunks: Uint8Array[] = []
    let ended = false
    const reader = torrent.files[0]!.stream()
    reader.on('data', chunk => chunks.push(chunk as Uint8Array))
    reader.on('end', () => {
      ended = true
    })
    const received = () => chunks.reduce((sum, { length }) => sum + length, 0)
    await clock.run({ until: () => received() > 5 * PIECE_LENGTH, for: 60_000 })
    void torrent.pause()
    await clock.run({ for: 1_000 })
    const before = received()
    await clock.run({ for: 600_000 })
    t.equal(received(), before)
    torrent.resume()
    await clock.run({ until: () => ended, for: 60_000 })
    t.ok(Buffer.concat(chunks).equals(made.content))
  }
})

t.test('a paused seed uploads nothing and accepts no connection until it is resumed', async t => {
  const swarm = new SimulatedSwarm({ seed: 1, pieces: 200 })
  const seed = swarm.join({ complete: true, limitUp: 200_000 })
  const leecher = swarm.join({})
  await swarm.start()
  const { clock } = swarm
  await clock.run({ until: () => leecher.torrent.verified.count >= 20, for: 60_000 })
  void seed.torrent.pause()
  await clock.run({ for: 1_000 })
  const { uploaded } = seed.torrent.progress
  await clock.run({ for: 600_000 })
  t.equal(seed.torrent.progress.uploaded, uploaded)
  t.equal(leecher.torrent.progress.peers, 0)
  t.equal(seed.torrent.state, 'paused')
  seed.torrent.resume()
  t.equal(seed.torrent.state, 'seeding')
  await clock.run({ until: () => leecher.torrent.complete, for: 1_300_000 })
  await swarm.close()
})

t.test('a paused torrent takes no share of memory and connections', async t => {
  const memoryBudget = new MemoryBudget(64 * PIECE_LENGTH)
  const connections = new ConnectionLimit(10)
  const other = { onShare() {} }
  memoryBudget.add(other)
  connections.add(other)
  for (let count = 0; count < 7; count++) connections.open(other)
  const { torrent } = connect(t, { memoryBudget, connections, peers: [] })
  t.equal(memoryBudget.share, 64 * PIECE_LENGTH, 'it takes its share when it begins to download')
  torrent.start()
  await new Promise(resolve => torrent.once('started', () => setImmediate(resolve)))
  t.equal(memoryBudget.share, 32 * PIECE_LENGTH)
  t.equal(connections.hasRoom(other), true)
  connections.open(other)
  t.equal(connections.hasRoom(other), false)
  void torrent.pause()
  t.equal(memoryBudget.share, 64 * PIECE_LENGTH)
  t.equal(connections.hasRoom(other), true)
  torrent.resume()
  t.equal(memoryBudget.share, 32 * PIECE_LENGTH)
  t.equal(connections.hasRoom(other), false)
})

/** A torrent with real sockets and a virtual clock. Messages arrive in real time, and the test advances the clock. */
async function pass(clock: SteppedClock, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 250) {
    await clock.advance(250)
    for (let turns = 0; turns < 5; turns++) await settle()
  }
}

/** Advances the virtual time until a condition is true. */
async function passUntil(clock: SteppedClock, met: () => boolean): Promise<void> {
  for (let times = 0; !met() && times < 2_000; times++) await pass(clock, 250)
  if (!met()) throw new Error('it did not happen')
}

t.test(
  'a paused download to a disk keeps the blocks of unfinished pieces, and does not request them again',
  async t => {
    const odd = oddTorrent()
    const clock = new SteppedClock()
    const held = { yes: true }
    const peer = await scriptedPeer(t, odd, {
      request: (block, wire, n) => {
        if (n < 7 || !held.yes) wire.sendBlock(block) // two pieces and a block
      },
    })
    const { torrent, file } = run(t, odd, { clock, peers: [peer.address] })
    await passUntil(clock, () => torrent.verified.count === 2 && torrent.progress.downloaded >= 90_000)
    await torrent.pause()
    t.equal(torrent.progress.buffered, 0, 'the memory is given back')
    const before = peer.requests.length
    await pass(clock, 60_000)
    t.equal(peer.requests.length, before)
    t.equal(peer.wires[0]!.closed, true)
    held.yes = false
    torrent.resume()
    await passUntil(clock, () => torrent.complete)
    t.same(await file('odd.bin'), odd.content)
    const [first, again] = [peer.requests.slice(0, 7), peer.requests.slice(before)].map(named)
    t.same(
      first!.filter(name => again!.includes(name)),
      [],
    )
  },
)

t.test('trackers are sent stopped on a pause, and started on a resume', async t => {
  const odd = oddTorrent()
  const peer = await scriptedPeer(t, odd, { interested: () => {} })
  const tracker = await scriptedTracker(t, { body: { interval: 1800, peers: Buffer.alloc(0) } })
  const metainfo = { ...odd.metainfo, trackers: [[tracker.url]] }
  const { torrent } = run(t, { ...odd, metainfo }, { trackers: true, peers: [peer.address] })
  await tracker.seen(1)
  await peer.connection()
  await torrent.pause()
  t.same(
    tracker.announces.map(({ event }) => event),
    ['started', 'stopped'],
  )
  torrent.resume()
  await tracker.seen(3)
  await torrent.pause()
  await torrent.close()
  t.same(
    tracker.announces.map(({ event }) => event),
    ['started', 'stopped', 'started', 'stopped'],
    'closing a paused torrent tells them nothing new',
  )
})

t.test('a connection to a paused torrent is closed, and accepted after the resume', async t => {
  const odd = oddTorrent()
  const { address, torrent } = await client(t, odd)
  const first = await dial(t, odd, address)
  await first.waitForUnchoke()
  await torrent.pause()
  await first.waitForEnd()
  const second = await dial(t, odd, address)
  await second.waitForEnd()
  t.same(second.received, [])
  torrent.resume()
  const third = await dial(t, odd, address)
  await third.waitForUnchoke()
})

t.test('a paused download requests nothing from its only web seed, and continues', async t => {
  const server = await webServer(t, made)
  const metainfo = { ...made.metainfo, webSeeds: [`${server.origin}/`] }
  const { torrent, file } = run(t, { ...made, metainfo }, { timeout: 10_000 })
  await new Promise<void>(resolve => {
    torrent.on('verified', () => torrent.verified.count === 3 && resolve())
  })
  await torrent.pause()
  await new Promise(resolve => setImmediate(resolve))
  const before = server.requests.length
  const { downloaded } = torrent.progress
  for (let turns = 0; turns < 200; turns++) await settle()
  t.equal(server.requests.length, before)
  t.equal(torrent.progress.downloaded, downloaded)
  torrent.resume()
  await torrent.done
  t.same(await file('one'), made.content)
})

t.test('a magnet link that is paused before its metadata is known fetches it after resume', async t => {
  leavesNothing(t)
  const odd = oddTorrent()
  const clock = new SteppedClock()
  const silent = { yes: true }
  let ours = 0
  const peer = await scriptedPeer(t, odd, {
    sendGreeting: wire => {
      wire.sendHandshake({ reserved: reservedBytes('extended', 'fast') })
      const payload = encode({ m: { ut_metadata: 9 }, metadata_size: odd.info.length })
      wire.send({ type: 'extended', id: 0, payload }, { type: 'haveAll' })
    },
    message: (message, wire) => {
      if (message.type !== 'extended') return
      if (message.id === 0) ours = parseExtendedHandshake(message.payload).extensions.get('ut_metadata') ?? 0
      else if (!silent.yes) {
        const { piece = 0 } = parseMetadataMessage(message.payload) ?? {}
        const data = { type: 'data' as const, piece, totalSize: odd.info.length, data: odd.info }
        wire.send({ type: 'extended', id: ours, payload: encodeMetadataMessage(data) })
      }
    },
  })
  const torrent = new Torrent(parseMagnet(odd.metainfo.infoHash.toString('hex')), {
    ...{ clock, trackers: false, encryption: 'off', peers: [peer.address], timeout: 10_000 },
    storage: new MemoryStorage(odd.content.length),
  })
  t.teardown(() => torrent.close())
  torrent.start()
  const wire = await peer.connection()
  await wire.waitForMessages('extended', 2)
  await torrent.pause()
  t.equal(torrent.state, 'paused')
  await wire.waitForEnd()
  await pass(clock, 120_000)
  t.equal(peer.wires.length, 1)
  silent.yes = false
  torrent.resume()
  t.equal(torrent.state, 'metadata')
  await passUntil(clock, () => torrent.complete)
  t.strictSame(torrent.metainfo.info, odd.metainfo.info)
})
