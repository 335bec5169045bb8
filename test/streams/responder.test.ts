import t from 'tap'
import type { BlockRef, Message } from '../../src/codec/message.ts'
import { Responder, type ResponderOptions } from '../../src/streams/responder.ts'
import { noise } from '../helpers/metainfo.ts'
import { settle } from '../helpers/virtual-clock.ts'

const pieceLength = 40_000
const content = noise(3 * pieceLength + 1000, 1)
const read = ({ index, begin, length }: BlockRef) =>
  content.subarray(index * pieceLength + begin, index * pieceLength + begin + length)
const request = (index: number, begin: number, length: number): Message => ({
  type: 'request',
  index,
  begin,
  length,
})

/** What it answers to these messages. */
function ask(messages: Message[], options: Partial<ResponderOptions> = {}) {
  const responder = new Responder({ pieceLength, length: content.length, read, ...options })
  return new Promise<{ items: Message[]; error: Error | undefined }>(resolve => {
    const items: Message[] = []
    let error: Error | undefined
    responder.on('data', message => items.push(message))
    responder.on('error', failure => {
      error = failure
    })
    responder.on('close', () => resolve({ items, error }))
    for (const message of messages) responder.write(message)
    responder.end()
  })
}

t.test('F1: a request is answered with the right bytes, in the order of asking', async t => {
  const { items, error } = await ask([
    request(0, 0, 16384),
    request(2, 16384, 16384),
    request(2, 32768, 40_000 - 32768),
    request(1, 3, 1),
  ])
  t.equal(error, undefined)
  t.same(
    items,
    [
      [0, 0, 16384],
      [2, 16384, 16384],
      [2, 32768, 7232],
      [1, 3, 1],
    ].map(([index, begin, length]) => ({
      type: 'piece',
      index,
      begin,
      length,
      data: read({ index: index!, begin: begin!, length: length! }),
    })),
  )
})

t.test('bytes that have to be fetched first come out in the order of asking as well', async t => {
  const waiting: (() => void)[] = []
  const asked = ask([request(0, 0, 1), request(1, 0, 1)], {
    read: block => new Promise<Uint8Array>(done => waiting.push(() => done(read(block)))),
  })
  await settle()
  t.equal(waiting.length, 1, 'one at a time')
  waiting[0]!()
  await settle()
  waiting[1]!()
  t.match((await asked).items, [{ index: 0 }, { index: 1 }])
})

t.test('F6: the last, short piece is served to its end and not beyond', async t => {
  t.match(await ask([request(3, 0, 1000)]), { items: [{ length: 1000 }], error: undefined })
  t.match(await ask([request(3, 999, 1)]), { items: [{ length: 1 }], error: undefined })
})

const refusals: [string, number, number, number][] = [
  ['F3: a piece that there is none of', 4, 0, 16384],
  ['F3: a piece far beyond the last', 124134235, 0, 16384],
  ['F3: piece 2^32 - 1', 0xffffffff, 0, 16384],
  ['F4: no bytes', 0, 0, 0],
  ['F4: more than a block, at the end of a piece', 0, 40_000 - 16384, 16385],
  ['F4: a start at the end of the piece', 0, 40_000, 16384],
  ['F4: a start at 2^32 - 1', 0, 0xffffffff, 16384],
  ['F4: a sum that wraps in 32 bits', 0, 0xfffff000, 0x4000],
  ['F5: 32 KiB within the piece', 0, 0, 32768],
  ['F5: 2^32 - 1 bytes', 0, 0, 0xffffffff],
  ['F6: a byte more than the last piece has', 3, 0, 1001],
  ['F6: one byte behind the end', 3, 1000, 1],
]
for (const [what, ...block] of refusals) {
  t.test(`${what} is refused, and nothing is read`, async t => {
    let reads = 0
    const { items, error } = await ask([request(...block)], {
      read: asked => {
        reads++
        return read(asked)
      },
    })
    t.match(error, { name: 'PeerError', code: 'ERR_MESSAGE' })
    t.same(items, [])
    t.equal(reads, 0)
  })
}

t.test('who says to be interested is unchoked; what asks for nothing gets no answer', async t => {
  const { items, error } = await ask([
    { type: 'keepAlive' },
    { type: 'have', index: 9 },
    { type: 'interested' },
    { type: 'cancel', index: 0, begin: 0, length: 1 },
    { type: 'unknown', id: 50 },
  ])
  t.equal(error, undefined)
  t.same(items, [{ type: 'unchoke' }])
})

t.test(
  'F8, F9: ten thousand requests that nobody reads the answers of: reading stops at 256 KiB',
  async t => {
    let reads = 0
    const responder = new Responder({
      pieceLength,
      length: content.length,
      read: block => {
        reads++
        return read(block)
      },
    })
    for (let at = 0; at < 10_000; at++) responder.write(request(0, 0, 16384))
    for (let turn = 0; turn < 50; turn++) await settle()
    t.ok(reads <= 18, `${reads} blocks`)
    t.equal(responder.write(request(0, 0, 16384)), false)
    responder.destroy()
    await settle()
    t.equal(responder.destroyed, true)
  },
)

t.test('bytes that cannot be read end this peer’s chain with that error', async t => {
  const { items, error } = await ask([request(0, 0, 1)], {
    read: () => Promise.reject(new Error('bad sector')),
  })
  t.match(error, { message: 'bad sector' })
  t.same(items, [])
})

t.test('destroyed while it reads, it closes when that is over', async t => {
  const { promise, resolve } = deferred<Uint8Array>()
  const responder = new Responder({ pieceLength, length: content.length, read: () => promise })
  let closes = 0
  responder.on('close', () => closes++)
  responder.write(request(0, 0, 1))
  await settle()
  responder.destroy()
  resolve(new Uint8Array(1))
  await settle()
  t.equal(closes, 1)
})

function deferred<T>() {
  let resolve!: (value: T) => void
  const promise = new Promise<T>(done => {
    resolve = done
  })
  return { promise, resolve }
}
