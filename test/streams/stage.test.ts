import { createHash } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { StorageError } from '../../src/errors.ts'
import { Layout } from '../../src/metainfo/layout.ts'
import { FileSite } from '../../src/metainfo/web-site.ts'
import { systemClock } from '../../src/ports/clock.ts'
import * as streams from '../../src/streams/index.ts'
import { NO_SOURCE } from '../../src/streams/peer/no-source.ts'
import type { Sink, Source, Stage } from '../../src/streams/stage.ts'
import { makeTorrent } from '../helpers/metainfo.ts'

const never = <T>() => new Promise<T>(() => {})
/** A storage without pieces. Its reads end, because a PieceReader closes after the read in progress. */
const storage = { read: () => setImmediate(0), write: () => never<void>() }
function* endlessPieces() {
  for (;;) yield 0
}
const now = () => 0
const window = new streams.FixedWindow()
const { metainfo } = makeTorrent({ files: [{ path: 'a', length: 16 }] })

/** Creates each exported stage. None of them ends by itself. */
const STAGE_MAKERS: Readonly<Record<string, () => Stage>> = {
  Decipher: () => new streams.Decipher({}),
  Digester: () => new streams.Digester(createHash('sha1')),
  Dispatcher: () => new streams.Dispatcher(),
  Duplex: () => new streams.Duplex(),
  Encipher: () => new streams.Encipher(),
  FileReader: () => new streams.FileReader({ source: { take: never }, start: 0, end: 1 }),
  Framer: () => new streams.Framer(),
  Funnel: () => new streams.Funnel(),
  PeerSocket: () =>
    new streams.PeerSocket({ host: '127.0.0.1', port: 1 }, { connect: () => new net.Socket() }),
  PieceReader: () =>
    new streams.PieceReader({ storage, pieceLength: 16, length: 16, pieces: endlessPieces() }),
  PieceWriter: () => new streams.PieceWriter({ storage, pieceLength: 16 }),
  Readable: () => new streams.Readable(),
  Requester: () => new streams.Requester({ window, send: () => {}, now }),
  Responder: () => new streams.Responder({}),
  Serializer: () => new streams.Serializer(),
  Spill: () =>
    new streams.Spill({
      backlog: { length: 0, append: never, take: never, close: async () => {} },
    }),
  TarPacker: () =>
    new streams.TarPacker({
      members: [{ path: 'a', length: 1, executable: false, hidden: false, open: () => new PassThrough() }],
    }),
  Transform: () => new streams.Transform(),
  Verifier: () => new streams.Verifier({ hashes: Buffer.alloc(20) }),
  WebSeed: () =>
    new streams.WebSeed({
      ...{ name: 'seed', pieceCount: 2, pieceLength: 16, source: NO_SOURCE, window, clock: systemClock },
      site: new FileSite('http://127.0.0.1/', metainfo, new Layout(metainfo)),
      open: never,
      userAgent: 'test',
    }),
  Writable: () => new streams.Writable(),
}
/** The second output of the dispatcher is a stage too. */
const makeRequests = () => new streams.Dispatcher().requests

const readable = (stage: Stage): stage is Source<unknown> => 'read' in stage
const writable = (stage: Stage): stage is Sink<unknown> => 'write' in stage

t.test('the table has every exported stage', async t => {
  const exported = Object.entries(streams).filter(([, value]) => {
    const prototype = typeof value === 'function' ? (value.prototype as object | undefined) : undefined
    return prototype !== undefined && '_predestroy' in prototype
  })
  t.strictSame(
    exported.map(([name]) => name),
    Object.keys(STAGE_MAKERS),
  )
})

for (const [name, create] of Object.entries({ ...STAGE_MAKERS, 'Dispatcher.requests': makeRequests })) {
  /** Checks that an error is ours. */
  const isOurs = (t: Tap, error: unknown, what: string) =>
    t.ok(error instanceof StorageError && error.code === 'ERR_ABORTED', `${what}: ${error}`)

  t.test(
    `${name} that is destroyed without an error fails its readers and its pipes with ERR_ABORTED`,
    async t => {
      const stage = create()
      if (readable(stage)) {
        const loop = async (source: Source<unknown>) => {
          for await (const _ of source); // until it fails
        }
        const iterated = create() as Source<unknown>
        soon(() => iterated.destroy())
        await loop(iterated).catch(error => isOurs(t, error, 'destroyed in a loop'))
        await loop(iterated).catch(error => isOurs(t, error, 'destroyed before a loop'))

        const piped = create() as Source<unknown>
        const error = new Promise(resolve => piped.pipe(new streams.Writable(), resolve))
        piped.destroy()
        isOurs(t, await error, 'the callback of pipe')

        const source = create() as Source<unknown>
        const failed = new Promise(resolve => source.pipe(sinkOf(), resolve))
        isOurs(t, await failed, 'the callback of pipe to a sink that closes')

        const forNode = create() as Source<unknown>
        const ended = pipeline(forNode as never, new PassThrough({ objectMode: true }))
        forNode.destroy()
        await t.rejects(ended, { code: 'ERR_STREAM_PREMATURE_CLOSE' }, 'pipeline of Node has its own error')
      }
      if (writable(stage)) {
        const [error] = await Promise.all([
          once(stage, 'error').then(([error]) => error),
          (() => {
            const source = new streams.Readable()
            source.pipe(stage)
            source.destroy()
          })(),
        ])
        isOurs(t, error, 'the source of a pipe was destroyed')
      }
      stage.destroy()
    },
  )
}

/** Calls a function in a later turn of the event loop. */
function soon(call: () => void): void {
  void setImmediate().then(call)
}

/** Creates a sink that is destroyed soon. */
function sinkOf(): Sink<unknown> {
  const sink = new streams.Writable()
  soon(() => sink.destroy())
  return sink
}

type Tap = { ok(value: boolean, message: string): void }
