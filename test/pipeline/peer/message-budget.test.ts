import { once } from 'node:events'
import t from 'tap'
import { encodedLength, encodeInto, type Message } from '../../../src/codec/message.ts'
import { MessageBudget } from '../../../src/pipeline/peer/message-budget.ts'
import { Framer } from '../../../src/streams/peer/framer.ts'
import { VirtualClock } from '../../helpers/virtual-clock.ts'

const encoded = (message: Message) => {
  const bytes = Buffer.alloc(encodedLength(message))
  encodeInto(message, bytes, 0)
  return bytes
}

/** Returns how many of `count` messages a framer has passed on after each of these times, in ms. */
async function paced(message: Message, count: number, times: readonly number[], pieceCount = 1000) {
  const clock = new VirtualClock()
  let consumed = 0
  const pace = new MessageBudget(clock, pieceCount)
  const framer = new Framer({ handshake: false, pace, onConsumed: () => consumed++ })
  let seen = 0
  framer.on('data', () => seen++)
  framer.write(Buffer.concat(Array.from({ length: count }, () => encoded(message))))
  const after: number[] = []
  for (const time of times) {
    await clock.advance(time - clock.now())
    after.push(seen)
  }
  framer.destroy()
  await clock.advance(0)
  return { after, consumed, pending: clock.pending }
}

t.test('a burst of messages passes at once, then a number per second; the rest of a chunk waits', async t => {
  const { after, consumed, pending } = await paced({ type: 'keepAlive' }, 100_000, [0, 1000, 2000])
  t.equal(after[0], 20_001)
  t.ok(Math.abs(after[1]! - 40_000) <= 1001, `${after[1]}`)
  t.ok(Math.abs(after[2]! - 60_000) <= 1001, `${after[2]}`)
  t.equal(consumed, 0, 'the memory of the chunk is not given back before all of it was read')
  t.equal(pending, 0, 'no timer is left')
})

t.test('messages that cause more work cost more; requests are free', async t => {
  const first = async (message: Message, pieceCount?: number) =>
    (await paced(message, 30_000, [0], pieceCount)).after[0]!
  t.equal(await first({ type: 'interested' }), 2501)
  t.equal(await first({ type: 'request', index: 0, begin: 0, length: 16_384 }), 30_000)
  t.equal(await first({ type: 'extended', id: 0, payload: Buffer.alloc(1024) }), 626)
  t.equal(await first({ type: 'haveAll' }, 1_000_000), 2, 'the second one is the last for ten seconds')
  t.equal(await first({ type: 'haveAll' }, 5000), 21)
  const dontHave: Message = { type: 'extended', id: 1, payload: Buffer.alloc(4) }
  t.equal(await first(dontHave, 1_000_000), 1, 'it may change how common each of a million pieces is')
})

t.test('a chunk that was delayed is read to its end, in order', async t => {
  const clock = new VirtualClock()
  const framer = new Framer({ handshake: false, pace: new MessageBudget(clock, 10) })
  const indexes: number[] = []
  framer.on('data', message => indexes.push((message as { index: number }).index))
  for (let chunk = 0; chunk < 5; chunk++) {
    framer.write(
      Buffer.concat(
        Array.from({ length: 10_000 }, (_, n) => encoded({ type: 'have', index: 10_000 * chunk + n })),
      ),
    )
  }
  await clock.advance(5000)
  t.strictSame(
    indexes,
    Array.from({ length: 50_000 }, (_, n) => n),
  )
})

t.test('many waiting connections share the budget of five', async t => {
  const clock = new VirtualClock()
  const load = { waiting: 0 }
  const seen = Array<number>(50).fill(0)
  const framers = seen.map((_, at) => {
    const framer = new Framer({ handshake: false, pace: new MessageBudget(clock, 10, load) })
    framer.on('data', () => seen[at]!++)
    framer.write(Buffer.alloc(4 * 100_000))
    return framer
  })
  await clock.advance(0)
  const before = seen.reduce((sum, count) => sum + count)
  t.equal(load.waiting, 50)
  await clock.advance(10_000)
  const taken = seen.reduce((sum, count) => sum + count) - before
  t.ok(taken > 0.5 * 1_000_000 && taken < 1.3 * 1_000_000, `${taken} messages in 10 s, a million for five`)
  for (const framer of framers) framer.destroy()
  await clock.advance(0)
  t.same([load.waiting, clock.pending], [0, 0])
})

t.test('a framer that is delayed can be destroyed at once', async t => {
  const clock = new VirtualClock()
  const framer = new Framer({ handshake: false, pace: new MessageBudget(clock, 10) })
  framer.on('data', () => {})
  framer.write(Buffer.alloc(400_000))
  await clock.advance(0)
  t.equal(clock.pending, 1)
  const closed = once(framer, 'close')
  framer.destroy()
  await closed
  t.equal(clock.pending, 0)
})
