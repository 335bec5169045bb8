import t, { type Test } from 'tap'
import type { TorrentOptions } from '../../src/pipeline/torrent/torrent-options.ts'
import { Torrent } from '../../src/pipeline/torrent.ts'
import { WindowStorage } from '../../src/storage/window-storage.ts'
import { generator } from '../helpers/feed.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { type PeerScript, scriptedPeer } from '../helpers/scripted-peer.ts'
import { leavesNothing, memoryDisk, startTorrent } from '../helpers/swarm.ts'
import { settle, VirtualClock } from '../helpers/virtual-clock.ts'

const PIECE_LENGTH = 16_384
const made = makeTorrent({
  files: [{ path: 'film', length: 300 * PIECE_LENGTH + 1234 }],
  pieceLength: PIECE_LENGTH,
})

/** Starts a torrent on demand, with a window as its storage, and peers with these scripts. */
async function served(t: Test, scripts: PeerScript[], more: Partial<TorrentOptions> = {}) {
  leavesNothing(t)
  const clock = new VirtualClock()
  const peers = await Promise.all(scripts.map(script => scriptedPeer(t, made, script)))
  const window = new WindowStorage({ keep: 10 * PIECE_LENGTH })
  const torrent = new Torrent(made.metainfo, {
    clock,
    trackers: false,
    random: generator(1),
    peers: peers.map(({ address }) => address),
    memory: 64 * PIECE_LENGTH,
    storage: window,
    onDemand: true,
    ...more,
  })
  t.teardown(() => torrent.close())
  torrent.start()
  return { torrent, window, clock, peers, film: torrent.files[0]! }
}

async function all(reader: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of reader) chunks.push(chunk)
  return Buffer.concat(chunks)
}

t.test('several readers at different places of one file get their bytes', async t => {
  const { film, torrent } = await served(t, [{}, {}])
  const places = [0, 0.2, 0.4, 0.6, 0.8].map(part => Math.floor(part * film.length))
  const right = (start: number) => made.content.subarray(start)
  const got = await Promise.all(places.map(start => all(film.stream({ start }))))
  got.forEach((bytes, index) => {
    t.ok(bytes.equals(right(places[index]!)), `from ${places[index]}`)
  })
  t.equal(torrent.complete, false, 'it is never done')
})

const indices = (peers: { requests: readonly { index: number }[] }[]) => [
  ...new Set(peers.flatMap(({ requests }) => requests.map(({ index }) => index))),
]

t.test(
  'without a reader nothing is requested; a reader that reads little requests no more than the window',
  async t => {
    const { film, peers, window } = await served(t, [{}])
    await peers[0]!.waitUntil(() => peers[0]!.wires.some(wire => wire.messagesOf('interested').length > 0))
    for (let turns = 0; turns < 20; turns++) await settle()
    t.same(indices(peers), [])
    const iterator = film.stream({ start: 100 * PIECE_LENGTH })[Symbol.asyncIterator]()
    t.ok(
      Buffer.from((await iterator.next()).value!).equals(
        made.content.subarray(100 * PIECE_LENGTH, 101 * PIECE_LENGTH),
      ),
    )
    for (let turns = 0; turns < 100; turns++) await settle()
    const asked = indices(peers)
    t.ok(asked.length <= 28 + 5 && asked.every(index => index >= 100 && index < 133), `${asked}`)
    t.ok(window.buffered <= 64 * PIECE_LENGTH, `${window.buffered}`)
    await iterator.return?.()
  },
)

t.test('a reader that stands still takes no more than its share', async t => {
  const { film } = await served(t, [{}])
  const paused = film.stream()[Symbol.asyncIterator]()
  await paused.next()
  const start = 150 * PIECE_LENGTH
  t.ok((await all(film.stream({ start }))).equals(made.content.subarray(start)))
  const rest = [Buffer.from(made.content.subarray(0, PIECE_LENGTH))]
  for (let next = await paused.next(); !next.done; next = await paused.next())
    rest.push(Buffer.from(next.value!))
  t.ok(Buffer.concat(rest).equals(made.content), 'and it, once it goes on, has all its bytes')
})

t.test('recent data is there for the next reader; older data is downloaded again', async t => {
  const { film, peers } = await served(t, [{}])
  const part = { start: 0, end: 8 * PIECE_LENGTH }
  const right = made.content.subarray(0, 8 * PIECE_LENGTH)
  t.ok((await all(film.stream(part))).equals(right))
  const asked = peers[0]!.requests.length
  t.ok((await all(film.stream(part))).equals(right))
  t.equal(peers[0]!.requests.length, asked)
  await all(film.stream({ start: 100 * PIECE_LENGTH, end: 120 * PIECE_LENGTH }))
  t.ok((await all(film.stream(part))).equals(right))
  t.ok(peers[0]!.requests.length > asked + 20)
})

t.test('readers that come and go at random get every byte, and none is stuck', async t => {
  const seed = 77
  const random = generator(seed)
  const { film, window } = await served(t, [{}, {}, {}])
  const read = async () => {
    for (let turn = 0; turn < 6; turn++) {
      const start = Math.floor(random() * film.length)
      const maxLength = Math.floor(random() * 60 * PIECE_LENGTH)
      let at = start
      for await (const chunk of film.stream({ start })) {
        if (!made.content.subarray(at, at + chunk.length).equals(chunk))
          throw new Error(`wrong at ${at}, seed ${seed}`)
        at += chunk.length
        if (at - start >= maxLength) break
      }
    }
  }
  await Promise.all([read(), read(), read(), read(), read()])
  for (let turns = 0; turns < 20; turns++) await settle()
  t.ok(window.buffered <= 10 * PIECE_LENGTH, `${window.buffered} bytes are held without a reader`)
})

t.test('more readers than there is room for are rejected', async t => {
  const { film } = await served(t, [{}], { memory: 1 })
  const readers = [0, 1, 2, 3].map(index => film.stream({ start: index * PIECE_LENGTH }))
  t.throws(() => film.stream(), { code: 'ERR_BUSY', message: /4 readers/ })
  readers[0]!.destroy()
  await new Promise(resolve => readers[0]!.once('close', resolve))
  const got = await Promise.all([all(film.stream()), ...readers.slice(1).map(reader => all(reader))])
  for (const [index, bytes] of got.entries()) t.ok(bytes.equals(made.content.subarray(index * PIECE_LENGTH)))
})

t.test('a web stream has the same bytes, and cancelling it ends the reading', async t => {
  const { film, peers } = await served(t, [{}])
  const reader = film.web({ start: 5, end: 40_000 }).getReader()
  const chunks: Uint8Array[] = []
  for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value)
  t.ok(Buffer.concat(chunks).equals(made.content.subarray(5, 40_000)))
  const web = film.web()
  const other = web.getReader()
  await other.read()
  await other.cancel()
  for (let turns = 0; turns < 50; turns++) await settle()
  const asked = peers[0]!.requests.length
  for (let turns = 0; turns < 50; turns++) await settle()
  t.equal(peers[0]!.requests.length, asked)
})

t.test('a signal ends one reader with its reason, and no other', async t => {
  const { film } = await served(t, [{}])
  const aborted = new AbortController()
  const first = all(film.stream({ signal: aborted.signal }))
  const second = all(film.stream({ start: 200 * PIECE_LENGTH }))
  aborted.abort(new Error('enough'))
  await t.rejects(first, { message: 'enough' })
  t.ok((await second).equals(made.content.subarray(200 * PIECE_LENGTH)))
  await t.rejects(all(film.stream({ signal: AbortSignal.abort(new Error('before')) })), { message: 'before' })
})

t.test('when the torrent ends during many reads, each reader has all its bytes or an error', async t => {
  for (const after of [3, 40, 120]) {
    const { film, torrent } = await served(t, [
      {
        request: (block, wire, n) => {
          wire.sendBlock(block)
          if (n === after) setImmediate(() => torrent.destroy(new Error('gone')))
        },
      },
    ])
    const starts = [0, 100, 298].map(index => index * PIECE_LENGTH)
    const ends = await Promise.allSettled(starts.map(start => all(film.stream({ start }))))
    for (const [index, end] of ends.entries()) {
      if (end.status === 'rejected') t.match(end.reason, { message: 'gone' })
      else t.ok(end.value.equals(made.content.subarray(starts[index])))
    }
  }
})

t.test('from a directory, data that a reader needs is downloaded first, and the rest after it', async t => {
  leavesNothing(t)
  const peer = await scriptedPeer(t, made, {})
  const torrent = startTorrent(made.metainfo, {
    output: '/home',
    fs: memoryDisk(),
    trackers: false,
    random: generator(1),
    memory: 128 * PIECE_LENGTH,
    peers: [peer.address],
  })
  t.teardown(() => torrent.close())
  const start = 200 * PIECE_LENGTH
  t.ok(
    (await all(torrent.files[0]!.stream({ start, end: 260 * PIECE_LENGTH }))).equals(
      made.content.subarray(start, 260 * PIECE_LENGTH),
    ),
  )
  const order = indices([peer])
  const isRead = (index: number) => index >= 200 && index < 260
  const others = order.slice(0, order.findLastIndex(isRead)).filter(index => !isRead(index))
  t.ok(others.length < 10, `${others.length} pieces without a reader were requested before`)
  await torrent.done
})
