import { once } from 'node:events'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import * as codec from '../src/codec/index.ts'
import * as tsdl from '../src/index.ts'
import * as metainfoEntry from '../src/metainfo/index.ts'
import * as server from '../src/server/index.ts'
import * as storage from '../src/storage/index.ts'
import * as streams from '../src/streams/index.ts'
import { makeTorrent } from './helpers/metainfo.ts'
import { leavesNothing, memoryDisk, OFFLINE_OPTIONS } from './helpers/swarm.ts'

const { metainfo } = makeTorrent({ files: [{ path: 'a', length: 100 }] })
// biome-ignore lint/suspicious/noExplicitAny: the arguments are invalid on purpose
const api = tsdl as any
// biome-ignore lint/suspicious/noExplicitAny: the arguments are invalid on purpose
const apis = { codec, metainfo: metainfoEntry, server, streams } as any
const sink = () => new Writable({ write: (_chunk, _encoding, done) => done() })
const readable = () => Readable.from([])

/** Calls with one invalid argument each. The key is the start of the message: the name of the argument. */
const INVALID_CALLS: readonly (readonly [argument: string, call: () => unknown])[] = [
  ['options', () => new api.Client(null)],
  ['port', () => new api.Client({ port: 70_000 })],
  ['port', () => new api.Client({ port: '6881' })],
  ['bind', () => new api.Client({ bind: 'localhost' })],
  ['dht', () => new api.Client({ dht: 'off' })],
  ['dhtNodes', () => new api.Client({ dhtNodes: ['127.0.0.1:1'] })],
  ['encryption', () => new api.Client({ encryption: 'always' })],
  ['peerId', () => new api.Client({ peerId: new Uint8Array(19) })],
  ['memory', () => new api.Client({ memory: -1 })],
  ['up', () => new api.Client({ up: Number.NaN })],
  ['source', () => new api.Client(OFFLINE_OPTIONS).add()],
  ['source', () => new api.Client(OFFLINE_OPTIONS).add('')],
  ['source', () => new api.Client(OFFLINE_OPTIONS).add({})],
  ['source', () => new api.Client(OFFLINE_OPTIONS).add(Symbol('x'))],
  ['options', () => new api.Client(OFFLINE_OPTIONS).add(metainfo, 1)],
  ['peers', () => new api.Client(OFFLINE_OPTIONS).add(metainfo, { peers: '127.0.0.1:1' })],
  ['timeout', () => new api.Client(OFFLINE_OPTIONS).add(metainfo, { timeout: '1s' })],
  ['signal', () => new api.Client(OFFLINE_OPTIONS).add(metainfo, { signal: {} })],
  ['options', () => api.download(metainfo)],
  ['output', () => api.download(metainfo, { ...OFFLINE_OPTIONS })],
  ['output', () => api.download(metainfo, { ...OFFLINE_OPTIONS, output: 1 })],
  ['select', () => api.download(metainfo, { ...OFFLINE_OPTIONS, output: 'x', select: [0] })],
  ['source', () => api.download(undefined, { ...OFFLINE_OPTIONS, output: 'x' })],
  ['maxPeers', () => api.download(metainfo, { ...OFFLINE_OPTIONS, output: 'x', maxPeers: 0 })],
  ['options', () => api.stream(metainfo, null)],
  ['file', () => api.stream(metainfo, { file: 'a' })],
  ['file', () => api.stream(metainfo, { file: 1 })],
  ['start', () => api.stream(metainfo, { start: -1 })],
  ['start', () => api.stream(metainfo, { start: 101 })],
  ['end', () => api.stream(metainfo, { end: 'x' })],
  ['lend', () => api.stream(metainfo, { lend: 1 })],
  ['signal', () => api.stream(metainfo, { signal: 1 })],
  ['select', () => api.streamTar(metainfo, { select: 1 })],
  ['passing', () => api.streamTar(metainfo, { passing: 1 })],
  ['source', () => api.fetchMetadata(null, OFFLINE_OPTIONS)],
  ['progress', () => api.fetchMetadata('ab'.repeat(20), { progress: 1 })],
  ['torrent', () => api.share({}, {})],
  ['ratio', () => api.share(new api.Torrent(metainfo), { ratio: 'x' })],
  ['path', () => api.create()],
  ['path', () => api.create('')],
  ['path', () => api.create({})],
  ['pieceLength', () => api.create('x', { pieceLength: 'y' })],
  ['trackers', () => api.create('x', { trackers: 'http://example.net/announce' })],
  ['name', () => api.create({ files: [] })],
  ['source', () => api.verify({}, 'x')],
  ['source', () => api.verify('ab'.repeat(20), 'x')],
  ['path', () => api.verify(metainfo)],
  ['torrent', () => api.parse('x')],
  ['torrent', () => api.openMetainfo(undefined)],
  ['magnet', () => api.parseMagnet(1)],
  ['address', () => api.parseAddress(1)],
  ['source', () => api.fanOut(null, [{ sink: sink() }])],
  ['destinations', () => api.fanOut(readable(), null)],
  ['destinations', () => api.fanOut(readable(), [])],
  ['destinations[0].sink', () => api.fanOut(readable(), [{}])],
  ['destinations[0].policy', () => api.fanOut(readable(), [{ sink: sink(), policy: 'drop' }])],
  ['metainfo', () => api.scrape(null)],
  ['metainfo', () => api.tarOf(null, {})],
  ['open', () => api.tarOf(metainfo, {})],
  ['directory', () => new api.FileStorage(metainfo, {})],
  ['metainfo', () => new api.FileStorage(null, { directory: 'x' })],
  ['directory', () => new api.LockDirectory()],
  ['size', () => new api.Bitfield(-1)],
  ['port', () => new api.Dht({ port: 'x' })],
  ['port', () => new api.Listener({ port: 'x' })],
  ['torrents', () => apis.server.createHandler(null)],
  ['metainfo', () => new api.Layout()],
  ['options', () => new api.LocalDiscovery(null)],
  ['options', () => api.Session.open(null)],
  ['session', () => new api.SessionHooks()],
  ['hooks', () => new api.SessionHooks({}, null)],
  ['url', () => new api.Webhook()],
  ['options', () => new api.SpillFile(null)],
  ['options', () => new api.WindowStorage(null)],
  ['keep', () => new api.WindowStorage({ keep: '1' })],
  ['options', () => api.check()],
  ['storage', () => api.check({ metainfo })],
  ['torrents', () => api.chooseRunning()],
  ['options', () => api.directoryContent(metainfo)],
  ['output', () => api.directoryContent(metainfo, {})],
  ['limits', () => api.endOfSharing({})],
  ['directory', () => api.findFiles(metainfo, {})],
  ['address', () => api.formatAddress()],
  ['times', () => api.isWithin()],
  ['source', () => api.loadTorrent(Symbol('x'))],
  ['options', () => api.loadTorrent('x', null)],
  ['path', () => api.locate(metainfo)],
  ['source', () => api.magnetLinkOf()],
  ['torrent', () => api.packTar()],
  ['metainfo', () => api.piecesOf()],
  ['start', () => api.piecesOf(metainfo, 'x', 1)],
  ['fileIndex', () => api.rangeContent(metainfo, 1, 0, 1)],
  ['stateDirectory', () => api.resumePath()],
  ['infoHash', () => api.resumePath('x', 'y', 'z')],
  ['metainfo', () => api.tarSize()],
  ['metainfo', () => api.torrentOf(null)],
  ['torrent', () => api.whenReady()],
  ['bytes', () => apis.codec.decode('de')],
  ['value', () => apis.codec.encode(undefined)],
  ['flag', () => apis.codec.reservedBytes('x')],
  ['infoHash', () => apis.codec.encodeHandshake({ infoHash: new Uint8Array(19) })],
  ['peers', () => apis.codec.encodePeers4({})],
  ['files', () => apis.metainfo.create({})],
  ['url', () => apis.metainfo.trackerFault(1)],
  ['client', () => apis.server.createPage({})],
  ['torrents', () => new apis.server.HttpServer()],
  ['source', () => new apis.streams.FileReader({ start: 0, end: 1 })],
  ['start', () => new apis.streams.FileReader({ source: {}, start: -1, end: 1 })],
  ['rc4', () => new apis.streams.Decipher({ rc4: 1 })],
  ['options', () => new apis.streams.Framer(null)],
  ['peer', () => new apis.streams.PeerSocket('127.0.0.1:1')],
  ['length', () => new apis.streams.PieceBuffer(0, -1)],
  ['pieceLength', () => new apis.streams.PieceReader({ storage: {}, length: 1, pieceLength: 0 })],
  ['storage', () => new apis.streams.PieceWriter({})],
  ['window', () => new apis.streams.Requester({ send: () => {} })],
  ['storage', () => new apis.streams.Responder({ storage: 1 })],
  ['backlog', () => new apis.streams.Spill({})],
  ['members', () => new apis.streams.TarPacker({ members: {} })],
  ['hashes', () => new apis.streams.Verifier({})],
  ['clock', () => new apis.streams.WebSeed({})],
  ['options', () => new apis.streams.Readable(1)],
  ['stage', () => apis.streams.closed()],
  ['ranges', () => api.AddressRanges.from([{ start: new Uint8Array(4), end: new Uint8Array(16) }])],
  ['bytes', () => api.AddressRanges.decode(new Uint8Array(9))],
  ['begin', () => new apis.streams.PieceBuffer(0, 100).put(1, new Uint8Array(99))],
  ['options', () => new api.Dht().lookup(new Uint8Array(20))],
  ['accept', () => new api.Listener().add(new Uint8Array(20))],
]

const entryPoints = { tsdl, streams, codec, metainfo: metainfoEntry, storage, server }

t.test('an invalid argument is an InputError that names it', async t => {
  leavesNothing(t)
  for (const [argument, call] of INVALID_CALLS) {
    const error = await attempt(call)
    const got = `${error?.constructor.name} ${error?.message}`
    t.ok(error instanceof tsdl.InputError && error.message.startsWith(`${argument}`), `${argument}: ${got}`)
  }
})

for (const [entry, values] of Object.entries(entryPoints))
  t.test(`${entry}: no function fails with a bare TypeError for a missing argument`, async t => {
    const functions = Object.entries(values).filter(
      ([name, value]) => typeof value === 'function' && !name.endsWith('Error'),
    )
    for (const [name, value] of functions) {
      // biome-ignore lint/suspicious/noExplicitAny: the arguments are missing on purpose
      const call = value as any
      const isClass = /^[A-Z]/.test(name)
      const statics = Object.getOwnPropertyNames(call).filter(key => typeof call[key] === 'function')
      for (const given of [[], [null]]) {
        const error = await attempt(async () => {
          const result = isClass ? new call(...given) : call(...given)
          // a reader fails later, because its source is loaded first
          if (!isClass && result?.pipe)
            await new Promise((resolve, reject) => result.on('error', reject).on('close', resolve))
          await result
        })
        t.notOk(error && !(error instanceof tsdl.TsdlError), `${name}(${given}): ${error}`)
        for (const key of isClass ? statics : []) {
          const error = await attempt(() => call[key](...given))
          t.notOk(error && !(error instanceof tsdl.TsdlError), `${name}.${key}(${given}): ${error}`)
        }
      }
    }
  })

/** Objects that open nothing when they are created, and their methods that need an argument. */
const METHOD_CALLS = {
  Client: [() => new api.Client(OFFLINE_OPTIONS), ['get']],
  Dht: [() => new api.Dht(), ['add', 'lookup']],
  FileStateStore: [
    () => new api.FileStateStore('x'),
    ['saveSession', 'saveTorrent', 'saveMetainfo', 'saveBlocklist'],
  ],
  FileStorage: [
    () => new api.FileStorage(metainfo, { directory: 'x' }),
    ['lockSelection', 'read', 'write', 'states'],
  ],
  Listener: [() => new api.Listener(), ['add', 'remove']],
  LocalDiscovery: [() => new api.LocalDiscovery(), ['add', 'remove']],
  LockDirectory: [() => new api.LockDirectory('x'), ['take']],
  PieceBuffer: [() => new apis.streams.PieceBuffer(0, 1), ['put']],
  Responder: [() => new apis.streams.Responder({}), ['setTorrent']],
  Torrent: [() => new api.Torrent(metainfo), ['addSource']],
  WindowStorage: [() => new api.WindowStorage(), ['read', 'write']],
} as const

t.test('a method without its arguments fails with an InputError', async t => {
  for (const [name, [make, methods]] of Object.entries(METHOD_CALLS))
    for (const method of methods)
      for (const given of [[], [null]]) {
        const error = await attempt(() => make()[method](...given))
        t.ok(error instanceof tsdl.InputError, `${name}.${method}(${given}): ${error}`)
      }
})

/** Returns the error that a call throws, rejects with, or fails with as a stream. */
async function attempt(call: () => unknown): Promise<Error | undefined> {
  try {
    await call()
    return undefined
  } catch (error) {
    return error as Error
  }
}

t.test('a reader that is destroyed fails with an error of ours, in a loop and in a pipe', async t => {
  leavesNothing(t)
  const looped = tsdl.stream(metainfo, OFFLINE_OPTIONS)
  const loop = (async () => {
    for await (const _ of looped) t.fail('no byte can come')
  })()
  looped.destroy()
  await t.rejects(loop, { name: 'StorageError', code: 'ERR_ABORTED' })
  const piped = tsdl.stream(metainfo, OFFLINE_OPTIONS)
  const error = new Promise(resolve => piped.pipe(sink(), resolve))
  piped.destroy()
  t.match(await error, { name: 'StorageError', code: 'ERR_ABORTED' })
  const leaving = tsdl.stream(metainfo, OFFLINE_OPTIONS)
  const left = sink()
  leaving.pipe(left)
  left.destroy()
  await once(leaving, 'close') // an error without a listener would end the process
  const control = new AbortController()
  const aborted = pipeline(tsdl.stream(metainfo, OFFLINE_OPTIONS), sink(), { signal: control.signal })
  control.abort()
  await t.rejects(aborted, { name: 'AbortError' })
  const torrent = await tsdl.download(metainfo, { ...OFFLINE_OPTIONS, output: '/home', fs: memoryDisk() })
  const reader = torrent.files[0]!.stream()
  const reading = reader[Symbol.asyncIterator]().next()
  await torrent.close()
  await t.rejects(reading, { name: 'StorageError', code: 'ERR_ABORTED' })
})
