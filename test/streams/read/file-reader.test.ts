import { createWriteStream, existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ReadableStream } from 'node:stream/web'
import t from 'tap'
import { StorageError } from '../../../src/errors.ts'
import {
  type ByteSource,
  FileReader,
  type FileReaderOptions,
  type Lent,
} from '../../../src/streams/read/file-reader.ts'
import { noise } from '../../helpers/metainfo.ts'
import { recordStage } from '../../helpers/record-stage.ts'
import { settle } from '../../helpers/virtual-clock.ts'

const content = noise(1000, 1)

/** A source of `content` in parts of at most `maxLength` bytes, each of which a test releases. */
class Source implements ByteSource {
  readonly taken: [number, number][] = []
  released = 0
  readonly #maxLength: number
  readonly #parked: { resolve: (lent: Lent) => void; reject: (error: Error) => void; lent: Lent }[] = []
  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  take(position: number, length: number): Promise<Lent> {
    this.taken.push([position, length])
    const bytes = Uint8Array.from(content.subarray(position, position + Math.min(length, this.#maxLength)))
    let lent = true
    const release = () => {
      if (lent) this.released++
      lent = false
      bytes.fill(0xee) // because the memory is reused
    }
    return new Promise((resolve, reject) => this.#parked.push({ resolve, reject, lent: { bytes, release } }))
  }

  get parked(): number {
    return this.#parked.length
  }

  async give(count = 1): Promise<void> {
    for (const { resolve, lent } of this.#parked.splice(0, count)) resolve(lent)
    await settle()
  }

  async fail(error: Error): Promise<void> {
    this.#parked.shift()!.reject(error)
    await settle()
  }
}

function reader(maxLength: number, options: Partial<FileReaderOptions> = {}) {
  const source = new Source(maxLength)
  const stage = new FileReader({ source, start: 0, end: content.length, ...options })
  return { stage, source, ...recordStage(stage) }
}

t.test('bytes come in order, and each chunk is taken when the previous one was read', async t => {
  const { source, chunks, log, flow } = reader(300)
  await flow()
  for (let at = 0; at < 4; at++) {
    t.equal(source.parked, 1)
    t.equal(chunks.length, at)
    await source.give()
  }
  t.same(source.taken, [
    [0, 1000],
    [300, 700],
    [600, 400],
    [900, 100],
  ])
  t.same(Buffer.concat(chunks), content)
  t.same(log, ['end', 'close'])
})

t.test('a range ends at its end', async t => {
  const { source, chunks, log, flow } = reader(100, { start: 150, end: 370 })
  await flow()
  for (let at = 0; at < 3; at++) await source.give()
  t.same(source.taken.at(-1), [350, 20])
  t.same(Buffer.concat(chunks), content.subarray(150, 370))
  t.same(log, ['end', 'close'])
})

t.test('an empty range ends at once and takes nothing from the source', async t => {
  const { source, log, flow } = reader(100, { start: 500, end: 500 })
  await flow()
  t.same(source.taken, [])
  t.same(log, ['end', 'close'])
})

t.test('a chunk is never more than 1 MiB', async t => {
  const { source, stage, flow } = reader(1, { end: 5 << 20 })
  await flow()
  t.same(source.taken, [[0, 1 << 20]])
  stage.destroy()
})

t.test(
  'without lending, chunks stay unchanged while the source continues, and are released at once',
  async t => {
    const { source, chunks, flow } = reader(300)
    await flow()
    await source.give()
    t.equal(source.released, 1)
    t.same(Buffer.from(chunks[0]!), content.subarray(0, 300))
  },
)

t.test('lent chunks are memory of the source, and release returns them once', async t => {
  const { stage, source, chunks, flow } = reader(300, { lend: true })
  await flow()
  await source.give()
  await source.give()
  t.equal(source.released, 0)
  t.same(Buffer.concat(chunks), content.subarray(0, 600))
  stage.release(chunks[1]!)
  t.equal(source.released, 1)
  t.same(Buffer.from(chunks[0]!), content.subarray(0, 300), 'the other is still lent')
  stage.release(chunks[1]!)
  stage.release(new Uint8Array(300))
  t.equal(source.released, 1)
  stage.release(chunks[0]!)
  t.equal(source.released, 2)
  stage.destroy()
})

t.test('the last chunk stays lent after the end until it is released', async t => {
  const { stage, source, chunks, log, flow } = reader(600, { lend: true })
  await flow()
  await source.give()
  await source.give()
  t.same(log, ['end', 'close'])
  t.same(Buffer.concat(chunks), content)
  t.equal(source.released, 0)
  for (const chunk of chunks) stage.release(chunk)
  t.equal(source.released, 2)
})

t.test('nothing is taken from the source while enough bytes wait to be read', async t => {
  const source: ByteSource & { taken: number } = {
    taken: 0,
    async take(_, length) {
      this.taken++
      return { bytes: new Uint8Array(Math.min(length, 40_000)), release() {} }
    },
  }
  const stage = new FileReader({ source, start: 0, end: 10 << 20 })
  stage.on('readable', () => {})
  await settle()
  t.equal(source.taken, 2, '64 KiB')
  stage.read()
  await settle()
  t.equal(source.taken, 3)
  stage.destroy()
})

t.test('an error of the source is an error, never an end, and comes after the bytes before it', async t => {
  const { stage, source, log, flow, chunks } = reader(300)
  await flow()
  await source.give()
  await source.fail(new StorageError('ERR_STORAGE', 'gone'))
  t.same(Buffer.concat(chunks), content.subarray(0, 300))
  t.same(log, ['error gone', 'close'])
  t.equal(stage.destroyed, true)
})

t.test('iteration throws the error of the source', async t => {
  const { stage, source } = reader(300)
  const reading = (async () => {
    for await (const _ of stage);
  })()
  const rejected = t.rejects(reading, { code: 'ERR_STORAGE' })
  await settle()
  await source.give()
  await source.fail(new StorageError('ERR_STORAGE', 'gone'))
  await rejected
})

t.test('a reader destroyed before it is read closes and takes nothing', async t => {
  const { stage, source, log } = reader(300)
  stage.destroy()
  stage.destroy()
  await settle()
  t.same(log, ['close'])
  t.same(source.taken, [])
})

for (const lend of [true, false]) {
  t.test(
    `a reader destroyed while it waits closes at once, and releases bytes that come later (lend: ${lend})`,
    async t => {
      const { stage, source, log, chunks, flow } = reader(300, { lend })
      await flow()
      await source.give()
      t.equal(source.parked, 1)
      stage.destroy()
      await settle()
      t.same(log, ['close'], 'though they may never come')
      await source.give()
      t.equal(source.released, 2)
      t.equal(chunks.length, 1)
      t.same(log, ['close'])
    },
  )

  t.test(`an error of the source after the reader was destroyed is ignored (lend: ${lend})`, async t => {
    const { stage, source, log, flow } = reader(300, { lend })
    await flow()
    stage.destroy(new Error('mine'))
    await settle()
    await source.fail(new Error('late'))
    t.same(log, ['error mine', 'close'])
  })
}

t.test('destroying the reader releases unread chunks', async t => {
  const { stage, source, log } = reader(300, { lend: true })
  stage.on('readable', () => {})
  await settle()
  await source.give()
  t.equal(source.released, 0)
  stage.destroy()
  await settle()
  t.equal(source.released, 1)
  t.same(log, ['close'])
})

t.test('leaving a loop while the next bytes are pending closes the reader at once', async t => {
  const { stage, source, log } = reader(300)
  const reading = (async () => {
    for await (const chunk of stage) return chunk
    return undefined
  })()
  await settle()
  await source.give()
  t.same(Buffer.from((await reading)!), content.subarray(0, 300))
  t.same(log, ['close'])
  t.equal(source.parked, 1, 'bytes that never come')
})

const broken = (code: string) => Object.assign(new Error(code), { code })

/** Creates a reader of bytes that are available at once, until `failsAt`. */
function ready({ failsAt = Number.POSITIVE_INFINITY, length = content.length } = {}) {
  const source: ByteSource = {
    async take(position, most) {
      if (position >= failsAt) throw broken('EGONE')
      return { bytes: content.subarray(position, position + Math.min(100, most)), release() {} }
    },
  }
  return new FileReader({ source, start: 0, end: length })
}

/** Creates a Writable of Node that fails with `code` at the byte `failsAt`, and records its events. */
function nodeSink(code = 'EPIPE', failsAt = Number.POSITIVE_INFINITY) {
  const got: Buffer[] = []
  const events: string[] = []
  const stream = new Writable({
    highWaterMark: 150,
    write(chunk, _, done) {
      if (Buffer.concat(got).length >= failsAt) return done(broken(code))
      got.push(Buffer.from(chunk))
      setImmediate(done)
    },
  })
  for (const event of ['finish', 'close']) stream.on(event, () => events.push(event))
  stream.on('error', error => events.push((error as NodeJS.ErrnoException).code!))
  return { stream, events, bytes: () => Buffer.concat(got) }
}

/**
 * The common ways to write to a Writable of Node. Each resolves when everything is closed, with the error if there was
 * one.
 */
const WAYS_TO_READ: Record<string, (reader: FileReader, sink: Writable) => Promise<unknown>> = {
  pipe: async (reader, sink) => {
    let failure: unknown
    // either may fail first, because the reader may end before the sink
    for (const stream of [reader, sink]) stream.on('error', error => (failure = error))
    const closed = [reader, sink].map(stream => new Promise(resolve => stream.once('close', resolve)))
    reader.pipe(sink as never)
    await Promise.all(closed)
    return failure
  },
  pipeline: (reader, sink) => pipeline(reader as never, sink).catch(error => error),
  'pipeline of Readable.from': (reader, sink) => pipeline(Readable.from(reader), sink).catch(error => error),
  'pipeTo of the web': (reader, sink) =>
    ReadableStream.from(reader)
      .pipeTo(Writable.toWeb(sink))
      .catch(error => error),
}

for (const [name, way] of Object.entries(WAYS_TO_READ)) {
  t.test(`a Writable of Node gets all bytes and then the end by ${name}`, async t => {
    const { stream, events, bytes } = nodeSink()
    t.equal(await way(ready(), stream), undefined)
    t.ok(bytes().equals(content))
    t.strictSame(events, ['finish', 'close'])
    const path = join(t.testdir(), 'out')
    await way(ready(), createWriteStream(path))
    t.ok((await readFile(path)).equals(content))
  })

  t.test(`by ${name}: a source that fails at any byte never gives an end`, async t => {
    for (const failsAt of [0, 100, 500, 900]) {
      const { stream, events, bytes } = nodeSink()
      t.match(await way(ready({ failsAt }), stream), { code: 'EGONE' })
      await settle()
      t.notOk(events.includes('finish'), `${failsAt}: ${events}`)
      t.equal(stream.destroyed, true)
      t.ok(content.subarray(0, bytes().length).equals(bytes()))
    }
  })

  t.test(
    `by ${name}: a reader destroyed at any point, with or without an error, never gives an end`,
    async t => {
      for (let point = 0; point < 40; point++) {
        for (const error of [undefined, broken('EMINE')]) {
          const { stream, events, bytes } = nodeSink()
          const reader = ready()
          const going = way(reader, stream)
          for (let turns = 0; turns < point; turns++) await (turns % 3 ? Promise.resolve() : settle())
          reader.destroy(error)
          await going
          await settle()
          if (events.includes('finish')) t.ok(bytes().equals(content), `${point}: a short end`)
          else t.equal(stream.destroyed, true)
        }
      }
    },
  )

  t.test(`by ${name}: a sink that fails at any byte closes the reader with its error`, async t => {
    for (const code of ['EPIPE', 'ENOSPC']) {
      for (const failsAt of [0, 100, 900]) {
        const { stream, events } = nodeSink(code, failsAt)
        const reader = ready()
        t.match(await way(reader, stream), { code })
        await settle()
        t.equal(reader.destroyed, true)
        t.notOk(events.includes('finish'))
      }
    }
    const reader = ready()
    t.match(await way(reader, createWriteStream(join(t.testdir(), 'none', 'out'))), { code: 'ENOENT' })
    await settle()
    t.equal(reader.destroyed, true)
  })
}

t.test('a loop over a reader that is closed by other code gets all bytes or throws', async t => {
  for (let point = 0; point < 40; point++) {
    const reader = ready()
    const chunks: Uint8Array[] = []
    const reading = (async () => {
      for await (const chunk of reader) chunks.push(chunk)
    })().catch(error => error)
    for (let turns = 0; turns < point; turns++) await (turns % 4 ? Promise.resolve() : settle())
    reader.destroy()
    if (await reading) t.match(await reading, { name: 'StorageError', code: 'ERR_ABORTED' })
    else t.ok(Buffer.concat(chunks).equals(content), `${point}`)
  }
})

t.test('a real file stream on a full disk fails with ENOSPC', { skip: !existsSync('/dev/full') }, async t => {
  const reader = ready()
  await t.rejects(pipeline(reader as never, createWriteStream('/dev/full')), { code: 'ENOSPC' })
  await settle()
  t.equal(reader.destroyed, true)
})
