import t from 'tap'
import { StorageError } from '../../src/errors.ts'
import type { LentBytes } from '../../src/storage/storage.ts'
import type { WindowReader } from '../../src/storage/window-reader.ts'
import { WindowStorage } from '../../src/storage/window-storage.ts'
import { noise } from '../helpers/metainfo.ts'

const content = noise(400, 1)
const piece = (index: number) => content.subarray(index * 100, (index + 1) * 100)

/** A promise, and true once it has settled. */
function watch<T>(promise: Promise<T>): { readonly promise: Promise<T>; settled: boolean } {
  const watched = { promise, settled: false }
  const settle = () => {
    watched.settled = true
  }
  promise.then(settle, settle)
  return watched
}

/** Creates a window with one reader of all bytes. */
function opened(start = 0): [WindowStorage, WindowReader] {
  const window = new WindowStorage()
  return [window, window.open({ start, end: content.length })]
}

/** Waits until all pending promises have settled. */
const turn = () => new Promise(resolve => setImmediate(resolve))

t.test('a write resolves when the reader has taken and released all of it, not before', async t => {
  const [window, reader] = opened()
  const write = watch(window.write(0, piece(0)))
  const first = await reader.take(0, 60)
  t.same(first.bytes, content.subarray(0, 60))
  first.release()
  await turn()
  t.equal(write.settled, false, 'taken in part')
  const second = await reader.take(60, 1000)
  t.same(second.bytes, content.subarray(60, 100), 'no more than one write holds')
  await turn()
  t.equal(write.settled, false, 'taken but not released')
  t.equal(window.buffered, 100)
  second.release()
  await write.promise
  t.equal(window.buffered, 0)
})

t.test('the reader gets the written memory, not a copy', async t => {
  const [window, reader] = opened()
  const bytes = Buffer.from(piece(0))
  window.write(0, bytes)
  const taken = await reader.take(10, 20)
  t.equal(taken.bytes.buffer, bytes.buffer)
  t.equal(taken.bytes.byteOffset, bytes.byteOffset + 10)
})

t.test('bytes are taken in order, whatever the order of the writes', async t => {
  const [window, reader] = opened()
  const writes = [2, 0, 3, 1].map(index => window.write(index * 100, piece(index)))
  t.equal(window.buffered, 400)
  const parts: Uint8Array[] = []
  for (let at = 0; at < 400; ) {
    const { bytes, release }: LentBytes = await reader.take(at, 70)
    parts.push(Buffer.from(bytes))
    at += bytes.length
    release()
  }
  await Promise.all(writes)
  t.same(Buffer.concat(parts), content)
})

t.test('a take waits for its own bytes, and other bytes do not answer it', async t => {
  const [window, reader] = opened()
  const take = watch(reader.take(100, 100))
  window.write(200, piece(2))
  await turn()
  t.equal(take.settled, false)
  window.write(100, piece(1))
  t.same((await take.promise).bytes, piece(1))
})

t.test('releasing twice counts once', async t => {
  const [window, reader] = opened()
  const write = watch(window.write(0, piece(0)))
  const first = await reader.take(0, 50)
  const second = await reader.take(50, 50)
  first.release()
  first.release()
  await turn()
  t.equal(write.settled, false)
  second.release()
  await write.promise
})

t.test('a second copy of passed or held bytes resolves at once', async t => {
  const [window, reader] = opened()
  const first = watch(window.write(0, piece(0)))
  await window.write(0, Buffer.from(piece(0)))
  t.equal(first.settled, false, 'held')
  ;(await reader.take(0, 100)).release()
  await first.promise
  await window.write(0, piece(0))
  t.equal(window.buffered, 0)
})

t.test('bytes that no reader needs are dropped, now and later', async t => {
  const window = new WindowStorage()
  const reader = window.open({ start: 150, end: 300 })
  await window.write(0, piece(0))
  const write = window.write(100, piece(1))
  const taken = await reader.take(150, 100)
  t.same(taken.bytes, content.subarray(150, 200))
  taken.release()
  await write
  const last = watch(window.write(200, piece(2)))
  await window.write(300, piece(3))
  await turn()
  t.equal(last.settled, false)
  reader.close()
  await last.promise
  t.equal(window.buffered, 0)
})

t.test('a write is held until the slowest reader that needs it has released it', async t => {
  const window = new WindowStorage()
  const [first, second] = [window.open({ start: 0, end: 400 }), window.open({ start: 50, end: 400 })]
  const write = watch(window.write(0, piece(0)))
  ;(await first.take(0, 100)).release()
  await turn()
  t.equal(write.settled, false, 'the second needs it')
  const taken = await second.take(50, 100)
  t.same(taken.bytes, content.subarray(50, 100))
  second.close()
  await turn()
  t.equal(write.settled, false, 'it is still lent')
  taken.release()
  await write.promise
})

t.test('making room drops the bytes furthest ahead, except lent ones', async t => {
  const window = new WindowStorage()
  const forgotten: number[] = []
  const owner = {
    isNear: (_position: number) => true,
    forget: (position: number) => forgotten.push(position),
  }
  window.attach(owner)
  const reader = window.open({ start: 0, end: 400 })
  const writes = [0, 1, 2].map(index => watch(window.write(index * 100, piece(index))))
  const taken = await reader.take(0, 50)
  owner.isNear = position => position === 100
  window.trim()
  await turn()
  t.same(
    writes.map(write => write.settled),
    [false, false, true],
  )
  t.same(forgotten, [200])
  t.same(
    [0, 100, 200].map(position => window.has(position)),
    [true, true, false],
  )
  taken.release()
})

t.test('bytes that were read are kept for later readers, the last used longest', async t => {
  const window = new WindowStorage({ keep: 250 })
  const forgotten: number[] = []
  window.attach({ isNear: () => true, forget: position => forgotten.push(position) })
  const reader = window.open({ start: 0, end: 400 })
  const bytes = [0, 1].map(index => Buffer.from(piece(index)))
  for (const index of [0, 1]) {
    const write = window.write(index * 100, bytes[index]!)
    ;(await reader.take(index * 100, 100)).release()
    await write
    bytes[index]!.fill(0) // the memory is used for something else now
  }
  t.equal(window.buffered, 200)
  const again = window.open({ start: 0, end: 400 })
  t.same((await again.take(0, 100)).bytes, piece(0))
  reader.close()
  again.close()
  await window.write(200, piece(2))
  t.same(forgotten, [100], 'what was used before the others')
  t.same(
    [0, 100, 200].map(position => window.has(position)),
    [true, false, true],
  )
})

t.test('a write that begins before the reader and ends after it is held until its end is taken', async t => {
  const [window, reader] = opened(30)
  const write = watch(window.write(0, piece(0)))
  const taken = await reader.take(30, 100)
  t.same(taken.bytes, content.subarray(30, 100))
  await turn()
  t.equal(write.settled, false)
  taken.release()
  await write.promise
})

t.test('a take further ahead passes over the bytes between', async t => {
  const [window, reader] = opened()
  const passed = window.write(0, piece(0))
  const take = reader.take(100, 100)
  await passed
  window.write(100, piece(1))
  t.same((await take).bytes, piece(1))
})

t.test('closing a reader ends its waiting take, and other readers continue', async t => {
  const [window, reader] = opened()
  const other = window.open({ start: 100, end: 200 })
  const take = reader.take(0, 100)
  reader.close()
  await t.rejects(take, { name: 'StorageError', code: 'ERR_ABORTED' })
  await t.rejects(reader.take(0, 100), { code: 'ERR_ABORTED' })
  window.write(100, piece(1))
  t.same((await other.take(100, 100)).bytes, piece(1))
})

t.test('a reader reports its position and whether it waits', async t => {
  const window = new WindowStorage()
  const calls: [number, boolean][] = []
  const reader = window.open({ start: 0, end: 200, cursor: (...call) => calls.push(call) })
  const take = reader.take(0, 60)
  window.write(0, piece(0))
  await take
  await reader.take(60, 60)
  reader.take(100, 60).catch(() => {})
  t.same(calls, [
    [0, true],
    [60, false],
    [100, false],
    [100, true],
  ])
  reader.close()
})

t.test('an invalid take of a reader is rejected: backwards, twice or of nothing', async t => {
  const [window, reader] = opened(100)
  const wrong = { name: 'InputError', code: 'ERR_USAGE' }
  await t.rejects(reader.take(99, 1), { ...wrong, message: '99' })
  await t.rejects(reader.take(100, 0), { ...wrong, message: 'got 0' })
  await t.rejects(reader.take(400, 1), { ...wrong, message: 'ends at 400' })
  const first = reader.take(100, 10)
  await t.rejects(reader.take(100, 10), { ...wrong, message: 'one take at a time' })
  window.write(100, piece(1))
  t.equal((await first).bytes.length, 10)
})

t.test('peers are served the held bytes up to the first gap', async t => {
  const [window, reader] = opened()
  for (const index of [0, 1, 3]) window.write(index * 100, piece(index)).catch(() => {})
  const target = Buffer.alloc(400)
  t.equal(await window.read(50, target), 150)
  t.same(target.subarray(0, 150), content.subarray(50, 200))
  t.equal(await window.read(300, target.subarray(0, 20)), 20)
  t.equal(await window.read(200, target), 0)
  ;(await reader.take(0, 100)).release()
  t.equal(await window.read(0, target), 0, 'once it is released')
  await window.complete()
  await window.close()
  t.equal(await window.read(300, target), 0, 'once it is closed')
})

t.test('closing answers current and later waiters', async t => {
  const reasons: [given: Error | undefined, expected: { code: string }][] = [
    [undefined, { code: 'ERR_ABORTED' }],
    [new StorageError('ERR_STORAGE', 'the pipe broke'), { code: 'ERR_STORAGE' }],
  ]
  for (const [given, expected] of reasons) {
    const [window, reader] = opened()
    const waiting: Promise<unknown>[] = [
      window.write(100, piece(1)),
      window.write(200, piece(2)),
      reader.take(0, 1),
    ]
    const rejections = Promise.all(waiting.map(promise => t.rejects(() => promise, expected)))
    await window.close(given)
    await window.close(new Error('closed before'))
    await rejections
    t.equal(window.buffered, 0)
    await t.rejects(window.write(0, piece(0)), expected)
    await t.rejects(reader.take(0, 1), expected)
  }
})

t.test('a release after the end has no effect', async t => {
  const [window, reader] = opened()
  const write = window.write(0, piece(0))
  const taken = await reader.take(0, 100)
  await window.close()
  taken.release()
  await t.rejects(write, { code: 'ERR_ABORTED' })
})
