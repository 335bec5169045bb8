import { getEventListeners } from 'node:events'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t, { type Test } from 'tap'
import { type StreamOptions, stream } from '../../src/pipeline/stream.ts'
import { generator } from '../helpers/feed.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { type PeerScript, scriptedPeer } from '../helpers/scripted-peer.ts'
import { leavesNothing, log, OFFLINE_OPTIONS, oddTorrent } from '../helpers/swarm.ts'
import { settle, VirtualClock } from '../helpers/virtual-clock.ts'

const made = oddTorrent()

/** Starts a stream from peers with these scripts, which is ended with test `t`. */
async function streamed(t: Test, scripts: PeerScript[], more: StreamOptions = {}, torrent = made) {
  leavesNothing(t)
  const clock = new VirtualClock()
  const peers = await Promise.all(scripts.map(script => scriptedPeer(t, torrent, script)))
  const reader = stream(torrent.metainfo, {
    ...OFFLINE_OPTIONS,
    clock,
    random: generator(1),
    peers: peers.map(({ address }) => address),
    ...more,
  })
  const source = await reader.torrent
  const record = log(source)
  const readerEvents: string[] = []
  for (const name of ['end', 'error', 'close'] as const) reader.on(name, () => readerEvents.push(name))
  t.teardown(() => source.close())
  return { reader, torrent: source, clock, peers, readerEvents, ...record }
}

/** Reads a stream to its end. Rejects if it fails. */
async function all(reader: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of reader) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const over = (torrent: { once(name: 'close', call: () => void): unknown }) =>
  new Promise<void>(resolve => torrent.once('close', resolve))

/** Serves requests in another order. */
function shuffled(seed: number): PeerScript {
  const random = generator(seed)
  const pendingAnswers: (() => void)[] = []
  return {
    request: (block, wire) => {
      pendingAnswers.push(() => wire.sendBlock(block))
      if (pendingAnswers.length > 1) return
      setImmediate(function serve() {
        pendingAnswers.splice(Math.floor(random() * pendingAnswers.length), 1)[0]?.()
        if (pendingAnswers.length > 0) setImmediate(serve)
      })
    },
  }
}

t.test('bytes come in order from peers that keep no order, and then everything is closed', async t => {
  const { reader, torrent, events, clock } = await streamed(t, [shuffled(1), shuffled(2), shuffled(3)])
  const closed = over(torrent)
  t.same(await all(reader), made.content)
  await closed
  t.equal(events.filter(name => name === 'done').length, 1)
  t.equal(events.at(-1), 'close')
  t.equal(clock.pending, 0)
})

t.test('with a slow reader no more than the memory is held, and nothing more is requested', async t => {
  const torrent = makeTorrent({ files: [{ path: 'a', length: 40 * 32768 }], pieceLength: 32768 })
  const memory = 5 * 32768
  const { reader, torrent: source, peers } = await streamed(t, [{}, {}], { memory }, torrent)
  let maximum = 0
  const iterator = reader[Symbol.asyncIterator]()
  let bytes = 0
  for (;;) {
    const { value, done } = await iterator.next()
    if (done) break
    bytes += value.length
    for (let turns = 0; turns < 10; turns++) {
      await settle()
      maximum = Math.max(maximum, source.progress.buffered)
    }
    const pieces = new Set(peers.flatMap(({ requests }) => requests.map(({ index }) => index)))
    // the reader has further chunks: those that were pushed and the one that is being read
    t.ok(
      pieces.size * 32768 <= bytes + memory + 3 * 32768,
      `${pieces.size} pieces asked for at byte ${bytes}`,
    )
  }
  t.equal(bytes, torrent.content.length)
  t.ok(maximum <= memory && maximum >= memory / 2, `${maximum} of ${memory}`)
})

t.test('a reader that pauses longer than the time limit is not a stall, even at the end', async t => {
  const torrent = makeTorrent({ files: [{ path: 'a', length: 4 * 262144 }], pieceLength: 262144 })
  for (const memory of [1, 64 << 20]) {
    const {
      reader,
      clock,
      errors,
      torrent: source,
    } = await streamed(t, [{}], { memory, timeout: 5000 }, torrent)
    const iterator = reader[Symbol.asyncIterator]()
    const chunks = [(await iterator.next()).value as Uint8Array]
    for (let turns = 0; turns < 200; turns++) await settle()
    await clock.advance(60_000)
    t.same(errors, [])
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      chunks.push(next.value as Uint8Array)
    }
    t.same(Buffer.concat(chunks), torrent.content)
    await source.close()
  }
})

t.test('a file in the middle of several comes whole, and little else is downloaded', async t => {
  const lengths = [50_000, 0, 100_001, 3, 70_000]
  const torrent = makeTorrent({
    files: lengths.map((length, index) => ({ path: `d/${index}`, length })),
    pieceLength: 32768,
  })
  for (const [file, { offset, length }] of torrent.metainfo.files.entries()) {
    const { reader, peers, torrent: source } = await streamed(t, [{}], { file, memory: 1 }, torrent)
    const closed = over(source)
    t.same(await all(reader), torrent.content.subarray(offset, offset + length), `file ${file}`)
    await closed
    await source.done
    const asked = [...new Set(peers[0]!.requests.map(({ index }) => index))].sort((a, b) => a - b)
    const first = Math.floor(offset / 32768)
    const last = Math.floor((offset + length - 1) / 32768)
    const right = Array.from({ length: length ? last - first + 1 : 0 }, (_, n) => first + n)
    t.same(asked, right)
  }
})

t.test('the file must be named when there are several, and must exist', async t => {
  const torrent = makeTorrent({ files: ['a', 'b'].map(path => ({ path, length: 10 })) })
  t.throws(() => stream(torrent.metainfo), { code: 'ERR_USAGE', message: /2 files/ })
  t.throws(() => stream(torrent.metainfo, { file: 2 }), { code: 'ERR_USAGE', message: /no file 2/ })
})

t.test('lent chunks have the right bytes if each is released', async t => {
  const { reader } = await streamed(t, [shuffled(4)], { lend: true, memory: 1 })
  const chunks: Buffer[] = []
  for await (const chunk of reader) {
    chunks.push(Buffer.from(chunk))
    reader.release(chunk)
  }
  t.same(Buffer.concat(chunks), made.content)
})

t.test('a reader destroyed at any point closes everything, and never gives an end', async t => {
  for (let at = 0; at < 12; at++) {
    const { reader, torrent, readerEvents, clock, events } = await streamed(t, [{}], { memory: 1 })
    const closed = over(torrent)
    const iterator = reader[Symbol.asyncIterator]()
    for (let chunk = 0; chunk < at - 1; chunk++) await iterator.next()
    reader.destroy()
    await closed
    if (!reader.destroyed) await new Promise(resolve => reader.once('close', resolve))
    t.same(readerEvents, ['close'], `after ${at}`)
    t.equal(clock.pending, 0)
    t.notOk(events.includes('done'))
  }
})

t.test('a reader destroyed while it waits for a silent peer closes everything', async t => {
  const { reader, torrent, peers, readerEvents } = await streamed(t, [{ request() {} }])
  reader.resume()
  await peers[0]!.waitUntil(() => peers[0]!.requests.length > 0)
  const closed = over(torrent)
  reader.destroy(new Error('enough'))
  await closed
  t.same(readerEvents, ['error', 'close'])
})

t.test('a torrent destroyed at any point gives every byte or an error, never a short end', async t => {
  for (let at = 0; at < 30; at += 3) {
    for (const error of [new Error('gone'), undefined]) {
      const { reader, torrent, readerEvents } = await streamed(t, [
        {
          request: (block, wire, n) => {
            wire.sendBlock(block)
            if (n === at) setImmediate(() => torrent.destroy(error))
          },
        },
      ])
      const outcome = await all(reader).catch((error: unknown) => error)
      if (!Buffer.isBuffer(outcome)) {
        t.match(outcome, error ?? { code: 'ERR_ABORTED' })
        t.notOk(readerEvents.includes('end'))
      } else t.same(outcome, made.content)
      await torrent.close()
    }
  }
})

t.test('an aborted signal ends the stream and the torrent with its reason', async t => {
  const control = new AbortController()
  const reason = new Error('by signal')
  const { reader, torrent, readerEvents, events } = await streamed(t, [{ request() {} }], {
    signal: control.signal,
  })
  const closed = over(torrent)
  torrent.once('connected', () => control.abort(reason))
  await t.rejects(all(reader), reason)
  await closed
  t.same(readerEvents, ['error', 'close'])
  t.equal(events.at(-1), 'close')
})

t.test('a signal that was aborted before fails the stream and its torrent', async t => {
  leavesNothing(t)
  const reason = new Error('by signal')
  const reader = stream(made.metainfo, { ...OFFLINE_OPTIONS, signal: AbortSignal.abort(reason) })
  await t.rejects(all(reader), reason)
  await t.rejects(reader.torrent, reason)
})

t.test('the listener on a signal is removed at the end', async t => {
  const { signal } = new AbortController()
  const { reader, torrent } = await streamed(t, [{}], { signal })
  const closed = over(torrent)
  await all(reader)
  await closed
  t.same(getEventListeners(signal, 'abort'), [])
})

t.test('piped into a writable, every byte arrives, and the torrent closes', async t => {
  const { reader, torrent } = await streamed(t, [{}])
  const closed = over(torrent)
  const chunks: Buffer[] = []
  const sink = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(chunk)
      setImmediate(done)
    },
  })
  await pipeline(reader, sink)
  t.same(Buffer.concat(chunks), made.content)
  await closed
})

t.test('a stall is an error of the stream', async t => {
  const { reader, clock, torrent } = await streamed(t, [{ interested() {} }], { timeout: 5000 })
  const outcome = t.rejects(all(reader), { name: 'StalledError' })
  await new Promise<void>(resolve => torrent.once('connected', () => resolve()))
  await clock.advance(6000)
  await outcome
})
