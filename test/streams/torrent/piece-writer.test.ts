import t from 'tap'
import { StorageError } from '../../../src/errors.ts'
import { PieceBuffer } from '../../../src/streams/piece-buffer.ts'
import { PieceWriter, type PieceWriterOptions } from '../../../src/streams/torrent/piece-writer.ts'
import { noise } from '../../helpers/metainfo.ts'
import { settle } from '../../helpers/virtual-clock.ts'

const CONTENT_BYTES = 1000
const piece = (index: number, length = CONTENT_BYTES) => new PieceBuffer(index, length, noise(length, index))

/** A disk that completes writes when a test says so. */
class Disk {
  readonly begun: number[] = []
  readonly bytes = new Map<number, Uint8Array>()
  readonly #running = new Map<number, { resolve: () => void; reject: (error: Error) => void }>()

  get running(): number {
    return this.#running.size
  }

  write(position: number, bytes: Uint8Array): Promise<void> {
    const index = position / CONTENT_BYTES
    this.begun.push(index)
    this.bytes.set(index, bytes)
    return new Promise((resolve, reject) => this.#running.set(index, { resolve, reject }))
  }

  async finish(...indices: number[]): Promise<void> {
    for (const index of indices) {
      this.#running.get(index)!.resolve()
      this.#running.delete(index)
    }
    await settle()
  }

  async fail(index: number, error: Error): Promise<void> {
    this.#running.get(index)!.reject(error)
    this.#running.delete(index)
    await settle()
  }
}

function writer(options: Partial<PieceWriterOptions> = {}) {
  const disk = new Disk()
  const flushed: number[] = []
  const log: string[] = []
  const stage = new PieceWriter({
    storage: disk,
    pieceLength: CONTENT_BYTES,
    onFlushed: ({ index }) => flushed.push(index),
    ...options,
  })
  for (const event of ['drain', 'finish', 'close']) stage.on(event, () => log.push(event))
  stage.on('error', error => log.push(`error ${error.message}`))
  return { stage, disk, flushed, log }
}

t.test('each piece is written to its place, and reported once it is stored, not before', async t => {
  const { stage, disk, flushed, log } = writer()
  const [five, two, last] = [piece(5), piece(2), piece(7, 42)]
  for (const each of [five, two, last]) stage.write(each)
  stage.end()
  await settle()
  t.same(disk.begun, [5, 2, 7])
  t.equal(disk.bytes.get(5), five.data, 'without a copy')
  t.equal(disk.bytes.get(7)?.length, 42)
  t.same(flushed, [])
  await disk.finish(2)
  t.same(flushed, [2])
  await disk.finish(7, 5)
  t.same(flushed, [2, 7, 5])
  t.same(log.at(-1), 'close')
})

for (const concurrency of [1, 3]) {
  t.test(`exactly ${concurrency} writes run at once while pieces wait`, async t => {
    const { stage, disk, flushed } = writer({ concurrency })
    for (let index = 0; index < 10; index++) stage.write(piece(index))
    await settle()
    for (let index = 0; index < 10; index++) {
      t.equal(disk.running, Math.min(concurrency, 10 - index))
      await disk.finish(disk.begun[index]!)
    }
    t.equal(flushed.length, 10)
  })
}

t.test('four writes run at once by default', async t => {
  const { stage, disk } = writer()
  for (let index = 0; index < 10; index++) stage.write(piece(index))
  await settle()
  t.equal(disk.running, 4)
})

t.test('a slow disk holds the input back: 1 MiB of pieces may wait', async t => {
  const { stage, disk, log } = writer({ concurrency: 1 })
  const size = 300_000
  let index = 0
  while (stage.write(piece(index++ * 300, size)));
  t.equal(index, 4)
  await settle()
  t.equal(stage.write(piece(index++ * 300, size)), false, 'one is being written, and four wait')
  t.same(log, [])
  for (let at = 0; at < index; at++) await disk.finish(at * 300)
  t.same(log, ['drain'])
})

t.test('the end waits for every write in progress', async t => {
  const { stage, disk, log } = writer({ concurrency: 2 })
  for (let index = 0; index < 4; index++) stage.write(piece(index))
  stage.end()
  await settle()
  await disk.finish(0, 1)
  await disk.finish(3)
  t.notOk(log.includes('finish'))
  await disk.finish(2)
  t.same(log.slice(-2), ['finish', 'close'])
})

t.test('an end without a piece is a normal end', async t => {
  const { stage, log } = writer()
  stage.end()
  await settle()
  t.same(log, ['finish', 'close'])
})

t.test('an error of the disk stops the writer; earlier pieces were reported, later ones are not', async t => {
  const { stage, disk, flushed, log } = writer({ concurrency: 3 })
  for (let index = 0; index < 6; index++) stage.write(piece(index))
  await settle()
  await disk.finish(1)
  await disk.fail(0, new StorageError('ERR_DISK_FULL', 'full'))
  t.same(flushed, [1])
  t.same(log.slice(-2), ['error full', 'close'])
  const begun = disk.begun.length
  await disk.finish(...disk.begun.slice(2))
  t.equal(disk.begun.length, begun, 'no further write')
  t.same(flushed, [1])
})

t.test('an error of the last write is not reported as an end', async t => {
  const { stage, disk, log } = writer()
  stage.write(piece(0))
  stage.write(piece(1))
  stage.end()
  await settle()
  await disk.finish(0)
  await disk.fail(1, new StorageError('ERR_STORAGE', 'bad'))
  t.notOk(log.includes('finish'))
  t.same(log.slice(-2), ['error bad', 'close'])
})

t.test('several errors are reported as one', async t => {
  const { stage, disk, log } = writer()
  for (let index = 0; index < 4; index++) stage.write(piece(index))
  await settle()
  await disk.fail(2, new StorageError('ERR_STORAGE', 'first'))
  await disk.fail(0, new StorageError('ERR_STORAGE', 'second'))
  await disk.fail(1, new StorageError('ERR_STORAGE', 'third'))
  t.same(
    log.filter(event => event.startsWith('error')),
    ['error first'],
  )
  t.equal(log.filter(event => event === 'close').length, 1)
})

for (const [when, pieces] of [
  ['before anything was written', 0],
  ['while writing', 2],
  ['while pieces wait', 8],
] as const) {
  t.test(`destroyed ${when}, the writer closes at once and reports nothing more`, async t => {
    const { stage, disk, flushed, log } = writer()
    for (let index = 0; index < pieces; index++) stage.write(piece(index))
    await settle()
    stage.destroy()
    stage.destroy()
    await settle()
    t.same(log, ['close'])
    await disk.finish(...disk.begun)
    t.same(flushed, [])
    t.same(log, ['close'])
  })
}

t.test('a writer destroyed while its end waits closes without a finish', async t => {
  const { stage, disk, log } = writer()
  stage.write(piece(0))
  stage.end()
  await settle()
  stage.destroy()
  await settle()
  t.same(log, ['close'])
  await disk.fail(0, new Error('late'))
  t.same(log, ['close'], 'a later failure is ignored')
})

t.test('zeros are stored after a piece that has padding', async t => {
  const disk = new Disk()
  const writer = new PieceWriter({
    storage: disk,
    pieceLength: CONTENT_BYTES,
    paddingOf: index => (index === 1 ? 300 : 0),
  })
  writer.write(piece(0))
  writer.write(piece(1, 700))
  await settle()
  t.same(disk.bytes.get(0), piece(0).data)
  t.same(disk.bytes.get(1), Buffer.concat([piece(1, 700).data, Buffer.alloc(300)]))
  await disk.finish(0, 1)
})
