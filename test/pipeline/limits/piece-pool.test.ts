import t from 'tap'
import { PiecePool } from '../../../src/pipeline/limits/piece-pool.ts'

t.test('memory that was given back is handed out again in full length', async t => {
  const pool = new PiecePool(1000, 2)
  const first = pool.take()
  t.equal(first.length, 1000)
  pool.give(first.subarray(0, 10))
  const again = pool.take()
  t.equal(again.buffer, first.buffer)
  t.equal(again.length, 1000)
  t.not(pool.take().buffer, first.buffer, 'not to two at once')
})

t.test('the pool keeps no more than its limit, and no memory that it did not allocate', async t => {
  const pool = new PiecePool(1000, 1)
  const [one, two] = [pool.take(), pool.take()]
  pool.give(one)
  pool.give(two)
  pool.give(Buffer.alloc(10))
  t.equal(pool.take().buffer, one.buffer)
  const fresh = pool.take()
  t.not(fresh.buffer, two.buffer)
  t.equal(fresh.length, 1000)
})

t.test('shared memory can be read by a worker, and is reused', async t => {
  const pool = new PiecePool(32, 1, true)
  const first = pool.take()
  t.type(first.buffer, SharedArrayBuffer)
  t.equal(first.length, 32)
  pool.give(first.subarray(0, 10))
  t.equal(pool.take().buffer, first.buffer)
})
