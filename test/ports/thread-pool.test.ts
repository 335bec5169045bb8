import t from 'tap'
import { ThreadPool } from '../../src/ports/thread-pool.ts'

const script = (body: string) =>
  new URL(`data:text/javascript,import { parentPort } from 'node:worker_threads';${encodeURIComponent(body)}`)

t.test('each thread answers one request at a time', async t => {
  const pool = new ThreadPool<number, { busy: number; value: number }>({
    script: script(`
      let busy = 0
      parentPort.on('message', value => {
        busy++
        setImmediate(() => parentPort.postMessage({ busy: busy--, value }))
      })`),
    threads: 2,
  })
  t.teardown(() => pool.close())
  const replies = await Promise.all([1, 2, 3, 4, 5].map(value => pool.run(value)))
  t.same(
    replies,
    [1, 2, 3, 4, 5].map(value => ({ busy: 1, value })),
  )
})

t.test('a request rejects if its thread fails, and another thread answers the next', async t => {
  const pool = new ThreadPool<string, string>({
    script: script(`
      parentPort.on('message', value => {
        if (value === 'throw') throw new Error('as asked')
        if (value === 'exit') process.exit()
        parentPort.postMessage(value)
      })`),
    threads: 1,
  })
  t.teardown(() => pool.close())
  await t.rejects(pool.run('throw'), { message: 'as asked' })
  await t.rejects(pool.run('exit'), { message: 'a thread ended' })
  t.equal(await pool.run('here'), 'here')
})

t.test('memory can move to the thread', async t => {
  const pool = new ThreadPool<Uint8Array, number>({
    script: script(`parentPort.on('message', bytes => parentPort.postMessage(bytes[1]))`),
    threads: 1,
  })
  t.teardown(() => pool.close())
  const bytes = Uint8Array.of(1, 2, 3)
  t.equal(await pool.run(bytes, undefined, [bytes.buffer]), 2)
  t.equal(bytes.length, 0)
})

t.test('an aborted request and a closed pool reject', async t => {
  const pool = new ThreadPool<number, number>({ script: script(''), threads: 1 })
  await t.rejects(pool.run(1, AbortSignal.abort(new Error('no more'))), { message: 'no more' })
  await pool.close()
  await pool.close()
  await t.rejects(pool.run(1), { message: 'the threads are closed' })
})
