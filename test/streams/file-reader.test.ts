import t from 'tap'
import { StorageError } from '../../src/errors.ts'
import {
  type ByteSource,
  FileReader,
  type FileReaderOptions,
  type Lent,
} from '../../src/streams/file-reader.ts'
import { noise } from '../helpers/metainfo.ts'
import { settle } from '../helpers/virtual-clock.ts'

const content = noise(1000, 1)

/** Hands out `content` in parts of at most `most` bytes, each when a test says so. */
class Source implements ByteSource {
  readonly taken: [number, number][] = []
  released = 0
  readonly #most: number
  readonly #parked: { resolve: (lent: Lent) => void; reject: (error: Error) => void; lent: Lent }[] = []
  constructor(most: number) {
    this.#most = most
  }

  take(position: number, length: number): Promise<Lent> {
    this.taken.push([position, length])
    const bytes = Uint8Array.from(content.subarray(position, position + Math.min(length, this.#most)))
    let lent = true
    const release = () => {
      if (lent) this.released++
      lent = false
      bytes.fill(0xee) // as the memory is used again
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

function reader(most: number, options: Partial<FileReaderOptions> = {}) {
  const source = new Source(most)
  const stage = new FileReader({ source, start: 0, end: content.length, ...options })
  const chunks: Uint8Array[] = []
  const log: string[] = []
  for (const event of ['end', 'close']) stage.on(event, () => log.push(event))
  stage.on('error', error => log.push(`error ${error.message}`))
  const flow = async () => {
    stage.on('data', chunk => chunks.push(chunk))
    await settle()
  }
  return { stage, source, chunks, log, flow }
}

t.test('the bytes come in order, each taken when the one before was read', async t => {
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

t.test('a range ends where it was said to', async t => {
  const { source, chunks, log, flow } = reader(100, { start: 150, end: 370 })
  await flow()
  for (let at = 0; at < 3; at++) await source.give()
  t.same(source.taken.at(-1), [350, 20])
  t.same(Buffer.concat(chunks), content.subarray(150, 370))
  t.same(log, ['end', 'close'])
})

t.test('an empty range is an end at once, and asks nobody', async t => {
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
  'without lending, chunks stay as they are while their source goes on, and are given back at once',
  async t => {
    const { source, chunks, flow } = reader(300)
    await flow()
    await source.give()
    t.equal(source.released, 1)
    t.same(Buffer.from(chunks[0]!), content.subarray(0, 300))
  },
)

t.test('lent chunks are the source’s own memory, given back by release, once', async t => {
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

t.test('the last chunk is lent beyond the end, until it is given back', async t => {
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

t.test('nothing is taken ahead while enough waits to be read', async t => {
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

t.test('an error of the source is an error, never an end, and comes after what was there', async t => {
  const { stage, source, log, flow, chunks } = reader(300)
  await flow()
  await source.give()
  await source.fail(new StorageError('ERR_STORAGE', 'gone'))
  t.same(Buffer.concat(chunks), content.subarray(0, 300))
  t.same(log, ['error gone', 'close'])
  t.equal(stage.destroyed, true)
})

t.test('whoever iterates hears of the error', async t => {
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

t.test('destroyed before it was read, it closes and takes nothing', async t => {
  const { stage, source, log } = reader(300)
  stage.destroy()
  stage.destroy()
  await settle()
  t.same(log, ['close'])
  t.same(source.taken, [])
})

for (const lend of [true, false]) {
  t.test(
    `destroyed while it waits for bytes, it closes without them, and gives them back if they come (lend: ${lend})`,
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

  t.test(`an error of the source after it was destroyed is nobody’s business (lend: ${lend})`, async t => {
    const { stage, source, log, flow } = reader(300, { lend })
    await flow()
    stage.destroy(new Error('mine'))
    await settle()
    await source.fail(new Error('late'))
    t.same(log, ['error mine', 'close'])
  })
}

t.test('destroyed with chunks that nobody has read, it gives them back', async t => {
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

t.test('a loop that is left while the next bytes are still to come ends at once', async t => {
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
