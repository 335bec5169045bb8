import { createHash } from 'node:crypto'
import type { Socket } from 'node:dgram'
import { EventEmitter } from 'node:events'
import t, { type Test } from 'tap'
import { reservedBytes, supports } from '../../src/codec/handshake.ts'
import { encodeLsd } from '../../src/codec/lsd.ts'
import { parseMagnet } from '../../src/metainfo/magnet.ts'
import { Client } from '../../src/pipeline/client.ts'
import { directoryContent } from '../../src/pipeline/download.ts'
import type { TorrentOptions } from '../../src/pipeline/torrent/torrent-options.ts'
import { Torrent } from '../../src/pipeline/torrent.ts'
import { noise } from '../helpers/metainfo.ts'
import { dial, scriptedPeer } from '../helpers/scripted-peer.ts'
import { client, leavesNothing, memoryDisk, OFFLINE_OPTIONS, run } from '../helpers/swarm.ts'
import { peersBody, scriptedTracker } from '../helpers/tracker.ts'
import { torrentOfFiles, v2Torrent } from '../helpers/v2-torrent.ts'

const PIECE_LENGTH = 32_768
const content = noise(7 * PIECE_LENGTH + 20_000, 4)
const pieces = Buffer.concat(
  Array.from({ length: 8 }, (_, index) =>
    createHash('sha1')
      .update(content.subarray(index * PIECE_LENGTH, (index + 1) * PIECE_LENGTH))
      .digest(),
  ),
)
const made = torrentOfFiles(
  v2Torrent({ a: content }, PIECE_LENGTH, { info: { name: 'a', length: content.length, pieces } }),
  { a: content },
)
const { metainfo } = made
const v2 = metainfo.infoHashV2!.subarray(0, 20)
const hex = { v1: metainfo.infoHash.toString('hex'), v2: metainfo.infoHashV2!.toString('hex') }

t.beforeEach(t => leavesNothing(t))

t.test('the torrent of these tests is a hybrid one', async t => t.equal(metainfo.format, 'hybrid'))

t.test('a peer that is dialled under the v1 info-hash is offered v2, and may answer with it', async t => {
  for (const [name, infoHash] of [
    ['v1', metainfo.infoHash],
    ['v2', v2],
  ] as const) {
    const seed = await scriptedPeer(t, made, { handshake: { infoHash } })
    const { torrent, file } = run(t, made, { peers: [seed.address] })
    const isSupported = new Promise(resolve => {
      torrent.once('connected', peer => resolve(peer.hashes.isSupported))
    })
    await torrent.done
    t.strictSame(await file('a'), content, name)
    const [ours] = seed.wires[0]!.messagesOf('handshake')
    t.same(ours!.infoHash, metainfo.infoHash)
    t.ok(supports(ours!.reserved, 'v2'))
    t.equal(await isSupported, name === 'v2')
    await torrent.close()
  }
})

t.test(
  'a torrent that is not hybrid offers nothing, and no other info-hash is taken as an answer',
  async t => {
    const plain = torrentOfFiles(v2Torrent({ a: content }, PIECE_LENGTH), { a: content })
    const stranger = await scriptedPeer(t, plain, { handshake: { infoHash: metainfo.infoHash } })
    const { warnings, torrent } = run(t, plain, { peers: [stranger.address] })
    await (await stranger.connection()).waitForEnd()
    t.match(warnings, [/answered for another torrent/])
    const [ours] = stranger.wires[0]!.messagesOf('handshake')
    t.notOk(supports(ours!.reserved, 'v2'))
    await torrent.close()
  },
)

t.test('a peer is accepted under each info-hash, and an offer of v2 is answered with it', async t => {
  const seed = await client(t, made)
  for (const [infoHash, offers, answer] of [
    [metainfo.infoHash, false, metainfo.infoHash],
    [metainfo.infoHash, true, v2],
    [v2, false, v2],
  ] as const) {
    const reserved = offers ? reservedBytes('v2') : reservedBytes()
    const wire = await dial(t, made, seed.address, { handshake: { infoHash, reserved } })
    await wire.waitForMessages('handshake')
    t.same(Buffer.from(wire.messagesOf('handshake')[0]!.infoHash), answer)
    await wire.waitForMessages('bitfield')
    wire.socket.destroy()
  }
})

async function fetched(t: Test, link: string, options: TorrentOptions) {
  const disk = memoryDisk()
  const torrent = new Torrent(parseMagnet(link), { trackers: false, encryption: 'off', ...options }).start()
  t.teardown(() => torrent.close())
  const found = await torrent.ready
  torrent.begin(directoryContent(found, { output: '/home', fs: disk }))
  await torrent.done
  return { found, torrent, file: Buffer.from((await disk.readFile('/home/a')) as Uint8Array) }
}

for (const [name, link, hasLayers] of [
  ['v1', `magnet:?xt=urn:btih:${hex.v1}`, false],
  ['v2', `magnet:?xt=urn:btmh:1220${hex.v2}`, true],
  ['both', `magnet:?xt=urn:btih:${hex.v1}&xt=urn:btmh:1220${hex.v2}`, true],
] as const) {
  t.test(`one seed gives all of a hybrid torrent for a link with ${name}`, async t => {
    const seed = await client(t, made)
    const { found, file } = await fetched(t, link, { peers: [seed.address] })
    t.strictSame(file, content)
    t.equal(found.format, 'hybrid')
    t.equal(found.pieceNodes !== undefined, hasLayers)
  })
}

t.test('a link with two info-hashes accepts no torrent that has only one of them', async t => {
  const link = `magnet:?xt=urn:btih:${hex.v1}&xt=urn:btmh:1220${'ab'.repeat(32)}`
  const torrent = new Torrent(parseMagnet(link), { trackers: false })
  t.throws(() => torrent.takeMetainfo(metainfo), { code: 'ERR_METAINFO', message: /another torrent/ })
  torrent.ready.catch(() => {})
  await torrent.close()
})

t.test('both swarms are announced, and a peer in both is connected once', async t => {
  const seed = await scriptedPeer(t, made)
  const tracker = await scriptedTracker(t, { body: peersBody([seed.address]) })
  const named = { ...made, metainfo: { ...metainfo, trackers: [[tracker.url]] } }
  const { torrent } = run(t, named, { trackers: true, allowLocal: true })
  await torrent.done
  await torrent.close()
  t.equal(seed.wires.length, 1)
  const announced = tracker.announces.map(({ params }) => params.info_hash!.toString('hex'))
  t.same(new Set(announced), new Set([hex.v1, v2.toString('hex')]))
  const stopped = tracker.announces.filter(({ event }) => event === 'stopped')
  t.equal(stopped.length, 2)
})

t.test('a peer that was found in the v2 swarm is dialled under its info-hash', async t => {
  const seed = await scriptedPeer(t, made, { handshake: { infoHash: v2 } })
  const tracker = await scriptedTracker(t, ({ params }) => ({
    body: peersBody(v2.equals(params.info_hash!) ? [seed.address] : []),
  }))
  const named = { ...made, metainfo: { ...metainfo, trackers: [[tracker.url]] } }
  const { torrent } = run(t, named, { trackers: true, allowLocal: true })
  await torrent.done
  t.same(Buffer.from(seed.wires[0]!.messagesOf('handshake')[0]!.infoHash), v2)
})

for (const [name, first, second] of [
  ['the other link', `magnet:?xt=urn:btih:${hex.v1}`, `magnet:?xt=urn:btmh:1220${hex.v2}`],
  ['v2 first', `magnet:?xt=urn:btmh:1220${hex.v2}`, `magnet:?xt=urn:btih:${hex.v1}`],
] as const) {
  t.test(`a client merges two links that turn out to be one torrent: ${name}`, async t => {
    const seed = await client(t, made)
    const own = new Client({ ...OFFLINE_OPTIONS, listen: false, encryption: 'off' })
    t.teardown(() => own.close())
    const one = await own.add(first)
    const other = await own.add(second, { peers: [seed.address] })
    one.on('error', () => {})
    await t.rejects(other.done, { code: 'ERR_BUSY', message: /has the torrent/ })
    await new Promise<void>(resolve =>
      own.torrents.includes(other) ? other.once('close', resolve) : resolve(),
    )
    const found = await one.ready
    t.same(found.infoHash, metainfo.infoHash)
    t.same(own.torrents, [one])
    t.equal(own.get(hex.v1), one)
    t.equal(own.get(hex.v2), one)
    await t.rejects(own.add(metainfo), { code: 'ERR_BUSY', torrent: one })
    const options = { output: '/home', fs: memoryDisk() }
    await one.begin(directoryContent(found, options)).done
    t.equal(
      one.progress.verified,
      one.progress.total,
      'the peer of the second link sends its blocks to the first',
    )
  })
}

t.test('of two links the first stays, also if it is the first to know its metadata', async t => {
  const seed = await client(t, made)
  const own = new Client({ ...OFFLINE_OPTIONS, trackers: true, listen: false, encryption: 'off' })
  t.teardown(() => own.close())
  const one = await own.add(`magnet:?xt=urn:btih:${hex.v1}`)
  const other = await own.add(`magnet:?xt=urn:btmh:1220${hex.v2}&tr=http://127.0.0.1:9/announce`)
  const merged = t.rejects(other.done, { code: 'ERR_BUSY', torrent: one })
  one.addSource({ trackers: [], peers: [seed.address] })
  await one.ready
  await merged
  t.equal(own.get(hex.v2), one)
  t.same(
    one.discovery.trackers.map(({ url }) => url),
    ['http://127.0.0.1:9/announce'],
  )
})

t.test(
  'a torrent that was merged with another one is still found in the local network under both hashes',
  async t => {
    const seed = await client(t, made)
    const others = await Promise.all([scriptedPeer(t, made), scriptedPeer(t, made)])
    const sockets: EventEmitter[] = []
    const own = new Client({
      ...{ ...OFFLINE_OPTIONS, lsd: true, encryption: 'off' },
      createSocket: () => {
        const socket = Object.assign(new EventEmitter(), {
          bind: (_port: number, bound: () => void) => queueMicrotask(bound),
          ...{ unref() {}, close() {}, addMembership() {}, setMulticastInterface() {} },
          send: (_packet: Uint8Array, _port: number, _host: string, done: () => void) => queueMicrotask(done),
        })
        sockets.push(socket)
        return socket as unknown as Socket
      },
    })
    t.teardown(() => own.close())
    const one = await own.add(`magnet:?xt=urn:btih:${hex.v1}`)
    const other = await own.add(`magnet:?xt=urn:btmh:1220${hex.v2}`, { peers: [seed.address] })
    await t.rejects(other.done, { code: 'ERR_BUSY', torrent: one })
    await one.ready
    const connected = new Set<number>()
    const both = new Promise<void>(resolve => {
      one.on('connected', ({ address }) => {
        connected.add(address.port)
        if (others.every(peer => connected.has(peer.address.port))) resolve()
      })
    })
    for (const [at, infoHash] of [hex.v1, hex.v2.slice(0, 40)].entries()) {
      const packet = encodeLsd(4, { port: others[at]!.address.port, infoHashes: [infoHash] })
      sockets[0]!.emit('message', packet, { address: '127.0.0.1', port: 6771 })
    }
    await both
  },
)
