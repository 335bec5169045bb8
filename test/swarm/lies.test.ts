import t, { type Test } from 'tap'
import type { BlockRef } from '../../src/codec/message.ts'
import type { Torrent } from '../../src/pipeline/torrent.ts'
import { generator } from '../helpers/feed.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { named, type PeerScript, scriptedPeer, type Wire, wrong } from '../helpers/scripted-peer.ts'
import { oddTorrent, run } from '../helpers/swarm.ts'
import { settle, VirtualClock } from '../helpers/virtual-clock.ts'

const made = oddTorrent()

/** Starts a download from peers with these scripts. */
async function from(t: Test, scripts: PeerScript[], more: Parameters<typeof run>[2] = {}, torrent = made) {
  const clock = new VirtualClock()
  const peers = await Promise.all(scripts.map(script => scriptedPeer(t, torrent, script)))
  return { ...run(t, torrent, { clock, peers: peers.map(({ address }) => address), ...more }), peers, clock }
}

const once = (name: string, torrent: { once(name: string, call: (...args: never[]) => void): unknown }) =>
  new Promise<void>(resolve => torrent.once(name, () => resolve()))

/**
 * Advances the virtual time by quarters of a second, slowly enough for real sockets, until the download is complete.
 */
async function finish(torrent: Torrent, clock: VirtualClock, limitMs: number): Promise<void> {
  let ended = false
  const done = torrent.done.then(() => {
    ended = true
  })
  for (const start = clock.now(); !ended && clock.now() - start < limitMs; ) {
    await clock.advance(250)
    for (let turns = 0; turns < 30 && !ended; turns++) await settle()
  }
  if (!ended) throw new Error(`not done after ${limitMs} ms`)
  await done
}

t.test('blocks in any order complete a download', async t => {
  const random = generator(3)
  const pendingAnswers: (() => void)[] = []
  const { torrent, file } = await from(t, [
    {
      request: (block, wire) => {
        pendingAnswers.push(() => wire.sendBlock(block))
        if (pendingAnswers.length > 1) return
        setImmediate(function serve() {
          pendingAnswers.splice(Math.floor(random() * pendingAnswers.length), 1)[0]?.()
          if (pendingAnswers.length > 0) setImmediate(serve)
        })
      },
    },
  ])
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.equal(torrent.progress.wasted, 0)
})

t.test('blocks that were not requested count as waste, and a flood of them ends the connection', async t => {
  const { torrent, file, disconnected, peers } = await from(t, [
    {
      has: () => false,
      sendGreeting: wire => {
        wire.sendGreeting()
        for (let n = 0; n < 200; n++) wire.sendBlock({ index: n % 10, begin: 0, length: 16384 }, wrong)
      },
      interested() {},
    },
  ])
  await (await peers[0]!.connection()).waitForEnd()
  t.match(disconnected, [/128 blocks came that were never requested/])
  t.equal(torrent.progress.verified, 0)
  t.equal(torrent.progress.downloaded, 0)
  t.ok(torrent.progress.wasted >= 128 * 16384)
  t.equal(await file('odd.bin'), undefined)
})

t.test('a few unrequested and duplicate blocks change nothing', async t => {
  const { torrent, file, disconnected } = await from(t, [
    {
      request: (block, wire) => {
        wire.sendBlock(block)
        wire.sendBlock(block, wrong)
        if (block.index > 0 && block.begin > 0) wire.sendBlock({ ...block, begin: 0, length: 16384 }, wrong)
      },
    },
  ])
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.same(disconnected, [])
  t.equal(torrent.progress.downloaded, made.content.length)
  t.ok(torrent.progress.wasted > made.content.length)
})

t.test('blocks outside the torrent are not written', async t => {
  const odd: BlockRef[] = [
    { index: 11, begin: 0, length: 16384 },
    { index: 0xffffffff, begin: 0, length: 16384 },
    { index: 0, begin: 40960, length: 16384 },
    { index: 0, begin: 0xffffffff, length: 16384 },
    { index: 0, begin: 1, length: 16384 },
    { index: 10, begin: 16384, length: 43 },
    { index: 0, begin: 32768, length: 16384 },
  ]
  const { torrent, file } = await from(t, [
    {
      request: (block, wire, n) => {
        const data = Buffer.alloc(odd[n % odd.length]!.length, 0xee)
        wire.send({ type: 'piece', ...odd[n % odd.length]!, data })
        wire.sendBlock(block)
      },
    },
  ])
  await torrent.done
  t.same(await file('odd.bin'), made.content)
})

t.test('a block of 16,385 bytes ends the connection', async t => {
  const { disconnected, peers } = await from(t, [
    {
      request: (block, wire) =>
        wire.send({ type: 'piece', ...block, length: 16385, data: Buffer.alloc(16385) }),
    },
  ])
  await (await peers[0]!.connection()).waitForEnd()
  t.match(disconnected, [/message 7 of 16394 bytes/])
})

t.test('a block shorter than requested is requested again', async t => {
  const { torrent, file, peers } = await from(t, [
    { request: (block, wire, n) => wire.sendBlock(block, data => (n < 10 ? data.subarray(1) : data)) },
  ])
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.equal(peers[0]!.requests.length, 32 + 10)
})

t.test('a peer that sends only short or empty blocks is dropped', async t => {
  for (const length of [0, 1]) {
    const short = {
      request: (block: BlockRef, wire: Wire) => wire.sendBlock(block, data => data.subarray(0, length)),
    }
    const { disconnected, peers, torrent } = await from(t, [short])
    await (await peers[0]!.connection()).waitForEnd()
    t.match(disconnected, [/128 blocks came/])
    t.ok(peers[0]!.requests.length < 300)
    await torrent.close()
  }
})

t.test('after one wrong byte from the only peer, the piece is downloaded again and is right', async t => {
  let hasLied = false
  const { torrent, file, peers, warnings, verified } = await from(t, [
    {
      request: (block, wire) => {
        const lie = block.index === 4 && block.begin === 16384 && !hasLied
        if (lie) hasLied = true
        wire.sendBlock(block, lie ? wrong : undefined)
      },
    },
  ])
  await torrent.done
  t.same(await file('odd.bin'), made.content)
  t.same(
    named(peers[0]!.requests).filter(name => name.startsWith('4:')),
    ['4:0', '4:1', '4:2', '4:0', '4:1', '4:2'],
  )
  t.same(
    verified.sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    'each once',
  )
  t.same(warnings, [], 'one may be an accident')
})

t.test('an only peer that always sends wrong bytes is banned, and the download waits for others', async t => {
  const { torrent, peers, warnings, clock, file } = await from(t, [
    { request: (block, wire) => wire.sendBlock(block, wrong) },
  ])
  await once('disconnected', torrent)
  await clock.advance(3_590_000)
  t.equal(peers[0]!.wires.length, 1, 'not dialled for an hour')
  t.match(warnings, [/^127\.0\.0\.1:\d+: banned for wrong bytes, the last in piece \d+$/])
  t.equal(torrent.progress.verified, 0)
  t.equal(await file('odd.bin'), undefined)
  await clock.advance(20_000)
  await peers[0]!.connection(2)
  await peers[0]!.wires[1]!.waitForEnd()
  t.equal(warnings.length, 2, 'after an hour it may try again, and one wrong piece is enough')
  await clock.advance(2 * 3_600_000 - 30_000)
  t.equal(peers[0]!.wires.length, 2, 'then it is banned for two hours')
})

t.test('the download completes when one of five seeds sends wrong bytes', async t => {
  const torrent = makeTorrent({ files: [{ path: 'big.bin', length: 3_000_000 }], pieceLength: 65536 })
  const honest = { request: (block: BlockRef, wire: Wire) => setImmediate(() => wire.sendBlock(block)) }
  const liar = { request: (block: BlockRef, wire: Wire) => wire.sendBlock(block, wrong) }
  const {
    torrent: download,
    peers,
    warnings,
    file,
  } = await from(t, [honest, honest, liar, honest, honest], {}, torrent)
  await download.done
  t.same(await file('big.bin'), torrent.content)
  const { host, port } = peers[2]!.address
  t.match(warnings, [new RegExp(`^${host}:${port}: banned for wrong bytes`)], 'no other peer')
  t.equal(peers[2]!.wires[0]!.closed, true)
  t.equal(download.progress.peers, 4)
})

t.test('one wrong block in a piece from many peers is traced to the peer that sent it', async t => {
  const torrent = makeTorrent({ files: [{ path: 'big.bin', length: 4_000_000 }], pieceLength: 1_000_000 })
  const honest = { request: (block: BlockRef, wire: Wire) => setImmediate(() => wire.sendBlock(block)) }
  const liar: PeerScript = {
    request: (block, wire, n) => setImmediate(() => wire.sendBlock(block, n % 4 === 0 ? wrong : undefined)),
  }
  const { torrent: download, peers, warnings, file } = await from(t, [honest, liar, honest], {}, torrent)
  await download.done
  t.same(await file('big.bin'), torrent.content)
  for (const warning of warnings) t.match(warning, `:${peers[1]!.address.port}: banned for wrong bytes`)
  t.equal(download.progress.peers, 3 - warnings.length)
})

t.test('a peer that sent wrong bytes is banned even if it leaves before the proof', async t => {
  const clock = new VirtualClock()
  const liar: PeerScript = {
    request: (block, wire) => {
      wire.sendBlock(block, wrong)
      if (block.begin > 0) wire.socket.end()
    },
  }
  const torrent = makeTorrent({ files: [{ path: 'a.bin', length: 10 * 32768 }], pieceLength: 32768 })
  const peer = await scriptedPeer(t, torrent, liar)
  const { torrent: download } = run(t, torrent, { clock, peers: [peer.address] })
  for (let n = 0; n < 60; n++) {
    for (const wire of peer.wires) await wire.waitForEnd()
    await clock.advance(60_000)
  }
  t.ok(peer.wires.length <= 3, `dialled ${peer.wires.length} times`)
  t.equal(download.progress.verified, 0)
})

t.test('with an honest peer, the end does not wait for a silent one', async t => {
  const { torrent, file, clock } = await from(t, [{ request() {} }, {}])
  await finish(torrent, clock, 15_000)
  t.same(await file('odd.bin'), made.content)
})

t.test(
  'the last block of a silent peer is requested from another, and cancelled at the silent one',
  async t => {
    let held: BlockRef | undefined
    const holding: PeerScript = {
      request: (block, wire) => {
        if (held) wire.sendBlock(block)
        else held = block
      },
    }
    const slow: PeerScript = { interested() {} }
    const { torrent, file, clock, peers } = await from(t, [holding, slow])
    await peers[0]!.waitUntil(() => peers[0]!.requests.length === 32)
    const wire = await peers[1]!.connection()
    await wire.waitForMessages('interested')
    wire.send({ type: 'unchoke' })
    await finish(torrent, clock, 3000)
    t.same(await file('odd.bin'), made.content)
    t.same(peers[1]!.requests, [held])
    await peers[0]!.wires[0]!.waitForMessages('cancel')
    t.match(peers[0]!.wires[0]!.messagesOf('cancel'), [{ index: held!.index, begin: held!.begin }])
  },
)

t.test('padding in a shared piece is requested and verified like other data, and never stored', async t => {
  const torrent = makeTorrent({
    files: [
      { path: 'd/a', length: 20_000 },
      { path: 'd/.pad/12768', length: 12_768, pad: true },
      { path: 'd/b', length: 40_000 },
    ],
    pieceLength: 32768,
  })
  const { torrent: download, file, disk } = await from(t, [{}], {}, torrent)
  await download.done
  t.same(await file('d/a'), torrent.content.subarray(0, 20_000))
  t.same(await file('d/b'), torrent.content.subarray(32768))
  t.same(((await disk.readdir('/home/d')) as string[]).sort(), ['a', 'b'])
})

t.test(
  'when a peer leaves in the middle of a block, the part is dropped, and another peer sends the block',
  async t => {
    let broken = false
    const breaking: PeerScript = {
      request: (block, wire) => {
        if (broken) return
        broken = true
        const head = Buffer.alloc(13)
        head.writeUInt32BE(9 + block.length)
        head[4] = 7
        head.writeUInt32BE(block.index, 5)
        head.writeUInt32BE(block.begin, 9)
        wire.sendBytes(head)
        wire.socket.end(Buffer.alloc(block.length - 1, 0xee))
      },
    }
    const { torrent, file, clock } = await from(t, [breaking, {}])
    await torrent.done
    t.same(await file('odd.bin'), made.content)
    t.ok(clock.now() < 1)
  },
)

t.test('a peer that continues a block after another sent it writes nothing that counts', async t => {
  let dripped: BlockRef | undefined
  const dripping: PeerScript = {
    request: (block, wire, n) => {
      if (n > 0) return
      dripped = block
      const head = Buffer.alloc(13)
      head.writeUInt32BE(9 + block.length)
      head[4] = 7
      head.writeUInt32BE(block.index, 5)
      head.writeUInt32BE(block.begin, 9)
      wire.sendBytes(Buffer.concat([head, Buffer.alloc(100, 0xee)]))
    },
  }
  const held: (() => void)[] = []
  let free = false
  const { torrent, file, clock, peers } = await from(t, [
    dripping,
    {
      interested() {},
      request: (block, wire) => {
        const other = block.index === dripped!.index && block.begin !== dripped!.begin
        if (other && !free) held.push(() => wire.sendBlock(block))
        else wire.sendBlock(block)
      },
    },
  ])
  await peers[0]!.waitUntil(() => peers[0]!.requests.length >= 4)
  const [first, second] = await Promise.all(peers.map(peer => peer.connection()))
  await second!.waitForMessages('interested')
  second!.send({ type: 'unchoke' })
  const same = ({ index, begin }: BlockRef) => index === dripped!.index && begin === dripped!.begin
  while (!first!.messagesOf('cancel').some(same)) {
    await clock.advance(250)
    for (let turns = 0; turns < 30; turns++) await settle()
  }
  first!.sendBytes(Buffer.alloc(dripped!.length - 100, 0xee))
  for (let turns = 0; turns < 100; turns++) await settle()
  free = true
  for (const serve of held) serve()
  await finish(torrent, clock, 15_000)
  t.same(await file('odd.bin'), made.content)
  const asked = named(peers[1]!.requests)
  t.equal(new Set(asked).size, asked.length, 'nothing had to be fetched again')
})
