import t from 'tap'
import { StorageError } from '../../src/errors.ts'
import { type Taken, WindowStorage } from '../../src/storage/window-storage.ts'
import { noise } from '../helpers/metainfo.ts'

const content = noise(400, 1)
const piece = (index: number) => content.subarray(index * 100, (index + 1) * 100)

/** A promise, and whether it has settled by now. */
function watch<T>(promise: Promise<T>): { readonly promise: Promise<T>; settled: boolean } {
  const watched = { promise, settled: false }
  const settle = () => {
    watched.settled = true
  }
  promise.then(settle, settle)
  return watched
}

/** Lets everything happen that happens by itself. */
const turn = () => new Promise(resolve => setImmediate(resolve))

t.test('a write resolves when the reader has taken and released all of it, not before', async t => {
  const window = new WindowStorage()
  const write = watch(window.write(0, piece(0)))
  const first = await window.take(0, 60)
  t.same(first.bytes, content.subarray(0, 60))
  first.release()
  await turn()
  t.equal(write.settled, false, 'taken in part')
  const second = await window.take(60, 1000)
  t.same(second.bytes, content.subarray(60, 100), 'no more than one write holds')
  await turn()
  t.equal(write.settled, false, 'taken but not released')
  t.equal(window.buffered, 100)
  second.release()
  await write.promise
  t.equal(window.buffered, 0)
})

t.test('the reader gets the very bytes that were written, not a copy', async t => {
  const window = new WindowStorage()
  const bytes = Buffer.from(piece(0))
  window.write(0, bytes)
  const taken = await window.take(10, 20)
  t.equal(taken.bytes.buffer, bytes.buffer)
  t.equal(taken.bytes.byteOffset, bytes.byteOffset + 10)
})

t.test('bytes are taken in order however they come', async t => {
  const window = new WindowStorage()
  const writes = [2, 0, 3, 1].map(index => window.write(index * 100, piece(index)))
  t.equal(window.buffered, 400)
  const parts: Uint8Array[] = []
  for (let at = 0; at < 400; ) {
    const { bytes, release }: Taken = await window.take(at, 70)
    parts.push(Buffer.from(bytes))
    at += bytes.length
    release()
  }
  await Promise.all(writes)
  t.same(Buffer.concat(parts), content)
})

t.test('a take waits for its bytes, and other bytes do not answer it', async t => {
  const window = new WindowStorage()
  const take = watch(window.take(100, 100))
  window.write(200, piece(2))
  await turn()
  t.equal(take.settled, false)
  window.write(100, piece(1))
  t.same((await take.promise).bytes, piece(1))
})

t.test('releasing twice counts once', async t => {
  const window = new WindowStorage()
  const write = watch(window.write(0, piece(0)))
  const first = await window.take(0, 50)
  const second = await window.take(50, 50)
  first.release()
  first.release()
  await turn()
  t.equal(write.settled, false)
  second.release()
  await write.promise
})

t.test('a second copy of what the reader has passed or the window holds resolves at once', async t => {
  const window = new WindowStorage()
  const first = watch(window.write(0, piece(0)))
  await window.write(0, Buffer.from(piece(0)))
  t.equal(first.settled, false, 'held')
  ;(await window.take(0, 100)).release()
  await first.promise
  await window.write(0, piece(0))
  t.equal(window.buffered, 0)
})

t.test('skipping lets go of what lies before, now and later', async t => {
  const window = new WindowStorage()
  const writes = [0, 1, 2].map(index => watch(window.write(index * 100, piece(index))))
  window.skip(150)
  await turn()
  t.same(
    writes.map(write => write.settled),
    [true, false, false],
  )
  await window.write(0, piece(0))
  const taken = await window.take(150, 100)
  t.same(taken.bytes, content.subarray(150, 200))
  taken.release()
  await writes[1]!.promise
  window.skip(Number.POSITIVE_INFINITY)
  await writes[2]!.promise
  t.equal(window.buffered, 0)
})

t.test('a write that begins before the reader and ends after it is held until its end is taken', async t => {
  const window = new WindowStorage()
  window.skip(30)
  const write = watch(window.write(0, piece(0)))
  const taken = await window.take(30, 100)
  t.same(taken.bytes, content.subarray(30, 100))
  await turn()
  t.equal(write.settled, false)
  taken.release()
  await write.promise
})

t.test('what is lent out is not resolved by skipping', async t => {
  const window = new WindowStorage()
  const write = watch(window.write(0, piece(0)))
  const taken = await window.take(0, 50)
  window.skip(100)
  await turn()
  t.equal(write.settled, false)
  taken.release()
  await write.promise
})

t.test('taking further on passes over what lies between', async t => {
  const window = new WindowStorage()
  const passed = window.write(0, piece(0))
  const take = window.take(100, 100)
  await passed
  window.write(100, piece(1))
  t.same((await take).bytes, piece(1))
})

t.test('skipping past a take that waits ends it', async t => {
  const window = new WindowStorage()
  const take = window.take(0, 100)
  window.skip(100)
  await t.rejects(take, { name: 'StorageError', code: 'ERR_ABORTED' })
  window.write(100, piece(1))
  t.same((await window.take(100, 100)).bytes, piece(1))
})

t.test('a reader that goes back, asks twice or asks for nothing is told so', async t => {
  const window = new WindowStorage()
  window.skip(100)
  const wrong = { name: 'InputError', code: 'ERR_USAGE' }
  await t.rejects(window.take(99, 1), { ...wrong, message: '99' })
  await t.rejects(window.take(100, 0), { ...wrong, message: 'got 0' })
  const first = window.take(100, 10)
  await t.rejects(window.take(100, 10), { ...wrong, message: 'one take at a time' })
  window.write(100, piece(1))
  t.equal((await first).bytes.length, 10)
})

t.test('peers are served what is still held, up to the first gap', async t => {
  const window = new WindowStorage()
  for (const index of [0, 1, 3]) window.write(index * 100, piece(index)).catch(() => {})
  const target = Buffer.alloc(400)
  t.equal(await window.read(50, target), 150)
  t.same(target.subarray(0, 150), content.subarray(50, 200))
  t.equal(await window.read(300, target.subarray(0, 20)), 20)
  t.equal(await window.read(200, target), 0)
  ;(await window.take(0, 100)).release()
  t.equal(await window.read(0, target), 0, 'once it is released')
  await window.complete()
  await window.close()
  t.equal(await window.read(300, target), 0, 'once it is closed')
})

t.test('closing answers everybody who waits, and everybody who comes later', async t => {
  const reasons: [given: Error | undefined, expected: { code: string }][] = [
    [undefined, { code: 'ERR_ABORTED' }],
    [new StorageError('ERR_STORAGE', 'the pipe broke'), { code: 'ERR_STORAGE' }],
  ]
  for (const [given, expected] of reasons) {
    const window = new WindowStorage()
    const waiting: Promise<unknown>[] = [
      window.write(100, piece(1)),
      window.write(200, piece(2)),
      window.take(0, 1),
    ]
    const rejections = Promise.all(waiting.map(promise => t.rejects(() => promise, expected)))
    await window.close(given)
    await window.close(new Error('closed before'))
    await rejections
    t.equal(window.buffered, 0)
    await t.rejects(window.write(0, piece(0)), expected)
    await t.rejects(window.take(0, 1), expected)
  }
})

t.test('releasing after the end does nothing', async t => {
  const window = new WindowStorage()
  const write = window.write(0, piece(0))
  const taken = await window.take(0, 100)
  await window.close()
  taken.release()
  await t.rejects(write, { code: 'ERR_ABORTED' })
})
